package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"
)

var errUnexpected = fmt.Errorf("%w: %w", ErrTemporary, io.ErrUnexpectedEOF)

// TestStreamResumes breaks a reading in every way that passes, and wants every byte once.
func TestStreamResumes(t *testing.T) {
	const content = "0123456789abcdefghij"
	denied := fmt.Errorf("403: %w", fs.ErrPermission)
	change := func(b *fakeBucket) { b.versions["x"]++ }
	for name, c := range map[string]struct {
		faults []fault
		want   string // the error's; none: all is read
		reads  string
	}{
		"500 then 200":     {[]fault{{err: errReset}}, "", "3 3"},
		"cut":              {[]fault{{after: 4, with: errReset}}, "", "3 7"},
		"cut twice":        {[]fault{{after: 4, with: errReset}, {after: 0, with: errReset}}, "", "3 7 7"},
		"short":            {[]fault{{after: 5, with: io.EOF}}, "", "3 8"},
		"unexpected end":   {[]fault{{after: 5, with: errUnexpected}}, "", "3 8"},
		"silent":           {[]fault{{after: 2}}, "", "3 5"},
		"cut at the end":   {[]fault{{after: 17, with: errReset}}, "", "3"},
		"never":            {[]fault{{err: errReset}, {err: errReset}, {err: errReset}}, "(3 tries)", "3 3 3"},
		"progress, always": {manyCuts(10), "", "3 4 5 6 7 8 9 10 11 12 13"},
		"denied":           {[]fault{{err: denied}}, "403: permission denied", "3"},
		"changed":          {[]fault{{after: 4, with: errReset}, {then: change}}, "content changed", "3 7"},
	} {
		b := newFake(map[string]string{"x": content})
		for _, f := range c.faults {
			if f.after == 2 && f.with == nil && f.err == nil && f.then == nil {
				f.lost = true // a body that falls silent
			}
			b.faults = append(b.faults, f)
		}
		got, err := readAll(t, openFake(t, b, "fake://b"), "x", 3)
		if c.want == "" && (err != nil || got != content[3:]) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), "fake://b/x")) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
		var reads []string
		for _, r := range b.requests {
			reads = append(reads, strings.Fields(r)[2])
		}
		if got := strings.Join(reads, " "); got != c.reads {
			t.Errorf("%s: read from %s, want %s", name, got, c.reads)
		}
	}
}

func manyCuts(n int) (faults []fault) {
	for range n {
		faults = append(faults, fault{after: 1, with: errReset})
	}
	return faults
}

func TestStreamEndsWithContext(t *testing.T) {
	b := newFake(map[string]string{"x": "content"})
	b.faults = []fault{{after: 2, with: errReset}, {err: errReset}, {err: errReset}}
	s := openFake(t, b, "fake://b").(*remote)
	s.retry.First, s.retry.Most = time.Hour, time.Hour
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	r, err := s.Open(ctx, "x", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestWalkRetriesPages(t *testing.T) {
	objects := map[string]string{}
	for i := range 7 {
		objects[fmt.Sprintf("p/%d", i)] = "x"
	}
	b := newFake(objects)
	b.faults = []fault{{}, {}, {err: errReset}} // the second page
	want := "0:1 1:1 2:1 3:1 4:1 5:1 6:1"
	if got := walkOf(t, openFake(t, b, "fake://b/p")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWalkOddKeys(t *testing.T) {
	b := newFake(map[string]string{
		"p/": "", "p//x": "1", "p/a/": "", "p/a/../y": "2", "p/a": "3", "p/z": "4",
	})
	want := "/:0!its key has an element without a name a:1 " +
		"a/..:0!its key has an element without a name z:1"
	if got := walkOf(t, openFake(t, b, "fake://b/p")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWalkErrors(t *testing.T) {
	for _, c := range []struct {
		location, want string
		faults         []fault
	}{
		{"fake://b/none", "list fake://b/none: there is nothing under it", nil},
		{"fake://b", "there is nothing under it", nil},
		{"fake://b/p", "list fake://b/p: denied: permission denied",
			[]fault{{err: fmt.Errorf("denied: %w", fs.ErrPermission)}}},
		{"fake://b/p", "(3 tries)", []fault{{err: errReset}, {err: errReset}, {err: errReset}}},
	} {
		b := newFake(map[string]string{})
		b.faults = c.faults
		if got := walkOf(t, openFake(t, b, c.location)); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.location, got, c.want)
		}
	}
}

// TestPutLostAnswer makes an object whose first answer gets lost: the second try finds it there.
func TestPutLostAnswer(t *testing.T) {
	put := func(b *fakeBucket, content string) error {
		s := openFake(t, b, "fake://b")
		return s.Put(context.Background(), "x", strings.NewReader(content), int64(len(content)))
	}
	b := newFake(map[string]string{})
	b.faults = []fault{{lost: true}}
	if err := put(b, "content"); err != nil {
		t.Errorf("lost answer: %v", err)
	}
	for _, other := range []string{"another", "others"} {
		b = newFake(map[string]string{})
		b.faults = []fault{{err: errReset, then: func(b *fakeBucket) { b.objects["x"] = other }}}
		if err := put(b, "content"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s came in between: %v", other, err)
		}
	}
}

// TestOpenAt reads pieces over the bounds of blocks, with one request a block.
func TestOpenAt(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", (2*blockBytes+48)/16)
	b := newFake(map[string]string{"x": content})
	f, err := openFake(t, b, "fake://b").OpenAt(context.Background(), "x")
	if err != nil {
		t.Fatal(err)
	}
	b.faults = []fault{{after: 100, with: errReset}}
	for _, at := range []int{0, blockBytes - 3, 2*blockBytes - 1, len(content) - 8} {
		var p [8]byte
		if _, err := f.ReadAt(p[:], int64(at)); err != nil || string(p[:]) != content[at:at+8] {
			t.Errorf("at %d: got %q, %v", at, p, err)
		}
	}
	if got, want := len(b.requests), 1+3+1; got != want { // stat, blocks, and the broken one again
		t.Errorf("%d requests, want %d: %v", got, want, b.requests)
	}
	b.versions["x"]++
	g := f.(*objectAt)
	g.forget(g.block(0))
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrChanged) {
		t.Errorf("changed: got %v", err)
	}
}
