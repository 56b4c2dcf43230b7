package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// origin is where files come from; it counts.
type origin struct {
	mu      sync.Mutex
	offsets []int64
	content map[string]string // by hash; others than asked for are faults
	breakAt int
}

func (o *origin) fetch(key Key) Fetch {
	return func(_ context.Context, offset int64) (io.ReadCloser, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.offsets = append(o.offsets, offset)
		data := o.content[key.SHA256]
		if o.breakAt > 0 {
			broken := io.MultiReader(strings.NewReader(data[offset:o.breakAt]), errReader{})
			o.breakAt = 0
			return io.NopCloser(broken), nil
		}
		return io.NopCloser(strings.NewReader(data[min(offset, int64(len(data))):])), nil
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("cut off") }

func (o *origin) add(content string) Key {
	sum := sha256.Sum256([]byte(content))
	key := Key{hex.EncodeToString(sum[:]), int64(len(content))}
	o.content[key.SHA256] = content
	return key
}

func newOrigin() *origin { return &origin{content: map[string]string{}} }

func open(t *testing.T, dir string, limit int64) *Cache {
	t.Helper()
	c, err := Open(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, c *Cache, o *origin, key Key) (string, error) {
	t.Helper()
	f, err := c.File(context.Background(), key, o.fetch(key))
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(f)
	return string(data), errors.Join(err, f.Close())
}

func want(t *testing.T, c *Cache, o *origin, key Key, fetches int) {
	t.Helper()
	o.offsets = nil
	got, err := get(t, c, o, key)
	if err != nil || got != o.content[key.SHA256] || len(o.offsets) != fetches {
		t.Errorf("got %q by %d fetches, want %d: %v", got, len(o.offsets), fetches, err)
	}
}

func TestFileIsFetchedOnce(t *testing.T) {
	dir, o := t.TempDir(), newOrigin()
	key := o.add("content")
	c := open(t, dir, 100)
	want(t, c, o, key, 1)
	want(t, c, o, key, 0)
	want(t, open(t, dir, 100), o, key, 0) // another process
}

func TestDamagedEntryIsFetchedAgain(t *testing.T) {
	dir, o := t.TempDir(), newOrigin()
	key := o.add("content")
	want(t, open(t, dir, 100), o, key, 1)
	for _, damaged := range []string{"cOntent", "conten", "", "contents"} {
		if err := os.WriteFile(filepath.Join(dir, key.SHA256), []byte(damaged), 0o666); err != nil {
			t.Fatal(err)
		}
		want(t, open(t, dir, 100), o, key, 1)
	}
}

func TestWrongContentIsRefused(t *testing.T) {
	dir, o := t.TempDir(), newOrigin()
	key := o.add("content")
	for _, wrong := range []string{"cOntent", "conten", "contents"} {
		o.content[key.SHA256] = wrong
		_, err := get(t, open(t, dir, 100), o, key)
		if err == nil || !errors.Is(err, errWrong) {
			t.Errorf("%s: got %v", wrong, err)
		}
		if entries, err := os.ReadDir(dir); len(entries) != 0 || err != nil {
			t.Errorf("%s leaves %v, %v", wrong, entries, err)
		}
	}
}

// TestFetchGoesOn continues what was cut off, and what was left wrong it begins again.
func TestFetchGoesOn(t *testing.T) {
	dir, o := t.TempDir(), newOrigin()
	key := o.add("0123456789")
	o.breakAt = 4
	if _, err := get(t, open(t, dir, 100), o, key); err == nil {
		t.Fatal("no error from a fetch that was cut off")
	}
	want(t, open(t, dir, 100), o, key, 1)
	if o.offsets[0] != 4 {
		t.Errorf("went on from %d, want 4", o.offsets[0])
	}
	other := o.add("abcdefghij")
	part := filepath.Join(dir, other.SHA256+partSuffix)
	if err := os.WriteFile(part, []byte("abX"), 0o666); err != nil {
		t.Fatal(err)
	}
	want(t, open(t, dir, 100), o, other, 2)
}

// TestOldestGoesFirst fills a cache for three files.
func TestOldestGoesFirst(t *testing.T) {
	dir, o := t.TempDir(), newOrigin()
	c := open(t, dir, 30)
	var keys []Key
	for i := range 4 {
		keys = append(keys, o.add(fmt.Sprintf("content %2d", i)))
	}
	at := time.Now().Add(-time.Hour)
	for i, key := range keys[:3] {
		want(t, c, o, key, 1)
		used := at.Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(filepath.Join(dir, key.SHA256), used, used); err != nil {
			t.Fatal(err)
		}
	}
	want(t, c, o, keys[0], 0) // now 1 is the one not used for longest
	held, err := c.File(context.Background(), keys[1], o.fetch(keys[1]))
	if err != nil {
		t.Fatal(err)
	}
	used := at.Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, keys[1].SHA256), used, used); err != nil {
		t.Fatal(err)
	}
	want(t, c, o, keys[3], 1)
	if data, err := io.ReadAll(held); string(data) != "content  1" || err != nil {
		t.Errorf("a dropped file that is open gives %q, %v", data, err)
	}
	if err := held.Close(); err != nil {
		t.Error(err)
	}
	for i, fetches := range []int{0, 1} {
		want(t, c, o, keys[i], fetches)
	}
	if _, total, err := c.entries(); total != 30 || err != nil {
		t.Errorf("the cache holds %d bytes, want 30: %v", total, err)
	}
	if _, err := get(t, c, o, o.add(strings.Repeat("x", 31))); err == nil {
		t.Error("a file larger than the cache was taken")
	}
}

// TestManyReadersFetchOnce lets caches of one folder, as of many processes, ask at once.
func TestManyReadersFetchOnce(t *testing.T) {
	dir, o := t.TempDir(), newOrigin()
	key := o.add(strings.Repeat("0123456789", 100_000))
	var wg sync.WaitGroup
	for range 4 {
		c := open(t, dir, 10<<20)
		for range 4 {
			wg.Go(func() {
				got, err := get(t, c, o, key)
				if err != nil || !bytes.Equal([]byte(got), []byte(o.content[key.SHA256])) {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
			})
		}
	}
	wg.Wait()
	if len(o.offsets) != 1 {
		t.Errorf("fetched %d times, want once", len(o.offsets))
	}
}

// TestManySmallFiles fills a folder from two caches, as of two processes, beyond what one lists anew for
// each file: the limit holds, but for what each may add between two listings, and what is used stays.
func TestManySmallFiles(t *testing.T) {
	const size, limit = 100, 64 * 150
	dir, o := t.TempDir(), newOrigin()
	caches := []*Cache{open(t, dir, limit), open(t, dir, limit)}
	used := o.add(fmt.Sprintf("%*d", size, -1))
	want(t, caches[0], o, used, 1)
	for i := range 300 {
		key := o.add(fmt.Sprintf("%*d", size, i))
		if _, err := get(t, caches[i%2], o, key); err != nil {
			t.Fatal(err)
		}
		if i%50 == 0 {
			want(t, caches[i/50%2], o, used, 0)
			_, total, err := caches[0].entries()
			if most := int64(limit + 2*limit/staleShare); total > most || err != nil {
				t.Fatalf("after %d files the cache holds %d bytes, want at most %d: %v", i, total, most, err)
			}
		}
	}
	if _, total, err := caches[0].entries(); total < limit/2 || err != nil {
		t.Errorf("the cache holds %d bytes in the end, want about %d: %v", total, limit, err)
	}
}

func TestOddKeys(t *testing.T) {
	c, o := open(t, t.TempDir(), 100), newOrigin()
	for _, sum := range []string{"", "../x", strings.Repeat("zz", 32)} {
		if _, err := get(t, c, o, Key{sum, 1}); err == nil {
			t.Errorf("%q was taken for a hash", sum)
		}
	}
}
