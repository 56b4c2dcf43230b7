package cloud

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"longlora/internal/store"
	"longlora/internal/store/cloud/s3test"
)

func open(t *testing.T, url string) store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), url, store.Options{
		Drivers: Drivers(),
		Retry:   store.Retry{Tries: 4, First: time.Millisecond, Most: 5 * time.Millisecond, Idle: time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(t *testing.T, s store.Store) string {
	t.Helper()
	var got []string
	for f, err := range s.Walk(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Name)
	}
	return strings.Join(got, " ")
}

func read(s store.Store, name string, offset int64) (string, error) {
	r, err := s.Open(context.Background(), name, offset)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}

func put(s store.Store, name, content string) error {
	return s.Put(context.Background(), name, strings.NewReader(content), int64(len(content)))
}

func TestS3(t *testing.T) {
	server := s3test.Start(t)
	server.Use(t)
	long := strings.Repeat("0123456789", 1_300_000) // in more than one part
	for key, content := range map[string]string{
		"books/a/b.txt": "1", "books/a.txt": "22", "books/a-b/c d.txt": "333", "booksellers/x": "x",
		"books/ü.txt": "ü",
	} {
		server.Put(t, key, content)
	}
	s := open(t, "s3://"+s3test.Bucket+"/books")
	if got, want := names(t, s), "a/b.txt a-b/c d.txt a.txt ü.txt"; got != want {
		t.Errorf("walked %s, want %s", got, want)
	}
	if got, err := read(s, "a-b/c d.txt", 1); got != "33" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := read(s, "none", 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if err := put(s, "long", long); err != nil {
		t.Fatal(err)
	}
	if got, err := read(s, "long", 0); got != long || err != nil {
		t.Errorf("read %d bytes back, want %d: %v", len(got), len(long), err)
	}
	for _, content := range []string{"short", long} {
		if err := put(s, "long", content); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a second object of a name gave %v", err)
		}
	}
	f, err := s.OpenAt(context.Background(), "long")
	if err != nil {
		t.Fatal(err)
	}
	var p [12]byte
	if _, err := f.ReadAt(p[:], 12_999_988); err != nil || string(p[:]) != "890123456789" {
		t.Errorf("read %q at the end, %v", p, err)
	}
	if err := s.Remove(context.Background(), "long"); err != nil {
		t.Error(err)
	}
	if got, want := names(t, open(t, "s3://"+s3test.Bucket+"/books/a.txt")), "a.txt"; got != want {
		t.Errorf("walked %s, want %s", got, want)
	}
}

// TestS3Faults lets a server fail as real ones do.
func TestS3Faults(t *testing.T) {
	server := s3test.Start(t)
	server.Use(t)
	content := strings.Repeat("0123456789", 20_000)
	server.Put(t, "x", content)
	first := func(n int, f func(http.ResponseWriter, *http.Request)) s3test.Fault {
		return func(w http.ResponseWriter, r *http.Request, i int) bool {
			if i < n {
				f(w, r)
			}
			return i < n
		}
	}
	status := func(code int, name string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { s3test.Status(w, code, name) }
	}
	for name, c := range map[string]struct {
		fault    s3test.Fault
		requests int
		want     string // the error's; "": all is read
	}{
		"500 then 200": {first(2, status(500, "InternalError")), 3, ""},
		"slow down":    {first(1, status(503, "SlowDown")), 2, ""},
		"429":          {first(1, status(429, "TooManyRequests")), 2, ""},
		"cut": {first(3, func(w http.ResponseWriter, r *http.Request) {
			server.Cut(w, r, 50_000)
		}), 4, ""},
		"hung up": {first(1, func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close() //nolint:errcheck // that is the fault
		}), 2, ""},
		"changed": {first(1, func(w http.ResponseWriter, r *http.Request) {
			server.Cut(w, r, 50_000)
			server.Put(t, "x", content[1:]+"!")
		}), 2, "the content changed while it was read"},
		"always": {first(99, status(500, "InternalError")), 4,
			"temporary failure: status 500 InternalError: InternalError, says the test (4 tries)"},
		"denied": {first(1, status(403, "AccessDenied")), 1,
			"permission denied (status 403 AccessDenied: AccessDenied, says the test); set AWS_ACCESS"},
		"region": {first(1, status(301, "PermanentRedirect")), 1, "set AWS_REGION"},
		"bucket": {first(1, status(404, "NoSuchBucket")), 1, "check the bucket's name"},
	} {
		server.Put(t, "x", content)
		server.SetFault(c.fault)
		got, err := read(open(t, "s3://"+s3test.Bucket), "x", 0)
		if c.want == "" && (err != nil || got != content) {
			t.Errorf("%s: read %d bytes, %v", name, len(got), err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if n := len(server.Requests()); n != c.requests {
			t.Errorf("%s: %d requests, want %d: %v", name, n, c.requests, server.Requests())
		}
	}
}

// TestS3PutFaults loses answers of uploads and lets two run at once.
func TestS3PutFaults(t *testing.T) {
	server := s3test.Start(t)
	server.Use(t)
	s := open(t, "s3://"+s3test.Bucket)
	server.SetFault(func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n == 0 {
			server.Put(t, "x", "mine") // it was done, but the answer is lost
			s3test.Status(w, 500, "InternalError")
		}
		return n == 0
	})
	if err := put(s, "x", "mine"); err != nil {
		t.Errorf("lost answer: %v", err)
	}
	server.SetFault(nil)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = put(s, "y", strings.Repeat(string(rune('a'+i)), 1000)) })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, fs.ErrExist) {
			t.Errorf("two at once: %v", err)
		}
	}
	if made != 1 {
		t.Errorf("%d of 8 made the object, want 1", made)
	}
}

func TestS3NoCredentials(t *testing.T) {
	server := s3test.Start(t)
	server.Use(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := read(open(t, "s3://"+s3test.Bucket), "x", 0)
	if err == nil || !strings.Contains(err.Error(), "no credentials; set AWS_ACCESS_KEY_ID") {
		t.Errorf("got %v", err)
	}
	server.Put(t, "x", "public")
	if got, err := read(open(t, "s3://"+s3test.Bucket+"?anonymous=true"), "x", 0); got != "public" {
		t.Errorf("anonymous: got %q, %v", got, err)
	}
}
