// Package s3test is an S3 server for tests, on loopback and in memory, whose requests can be counted
// and made to fail.
package s3test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Bucket is the one that a server has from the start.
const Bucket = "shelf"

// Server is a running server. It ends with its test.
type Server struct {
	// URL is the server's own address.
	URL     string
	backend gofakes3.Backend
	handler http.Handler

	mu       sync.Mutex
	fault    Fault
	requests []string
	bytes    int64
}

// Fault answers a request in the server's stead, and returns true; or it returns false. n counts the
// requests since the fault was set, from 0.
type Fault func(w http.ResponseWriter, r *http.Request, n int) bool

// Start starts a server.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{backend: s3mem.New()}
	if err := s.backend.CreateBucket(Bucket); err != nil {
		t.Fatal(err)
	}
	s.handler = gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.intercept(w, r) {
			s.handler.ServeHTTP(counted{w, s}, r)
		}
	}))
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// counted is an answer whose body is counted.
type counted struct {
	http.ResponseWriter
	server *Server
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.bytes += int64(n)
	return n, err
}

// intercept counts a request and lets the fault answer it.
func (s *Server) intercept(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	n, fault := len(s.requests), s.fault
	line := r.Method + " " + r.URL.Path
	if q := r.URL.Query(); q.Has("prefix") {
		line += "?prefix=" + q.Get("prefix")
	}
	if x := r.Header.Get("Range"); x != "" {
		line += " " + x
	}
	s.requests = append(s.requests, line)
	s.mu.Unlock()
	return fault != nil && fault(w, r, n)
}

// Env is what makes S3 clients use the server.
func (s *Server) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.URL, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
}

// Use sets Env for the rest of a test.
func (s *Server) Use(t *testing.T) {
	t.Helper()
	for _, e := range s.Env() {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
}

// SetFault makes requests fail from now on, and forgets those so far; nil ends that.
func (s *Server) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.requests, s.bytes = f, nil, 0
}

// Bytes returns the length of all bodies answered since SetFault, those of faults apart.
func (s *Server) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Requests returns the requests since SetFault, as "GET /shelf/key bytes=0-".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// Put makes or replaces an object, unseen by the fault.
func (s *Server) Put(t testing.TB, key, content string) {
	t.Helper()
	_, err := s.backend.PutObject(Bucket, key, map[string]string{}, strings.NewReader(content),
		int64(len(content)), nil)
	if err != nil {
		t.Fatal(err)
	}
}

// Get returns an object's content, unseen by the fault.
func (s *Server) Get(t testing.TB, key string) string {
	t.Helper()
	o, err := s.backend.GetObject(Bucket, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	if _, err := io.Copy(&data, o.Contents); err != nil {
		t.Fatal(err)
	}
	return data.String()
}

// Keys returns the keys of all objects.
func (s *Server) Keys(t testing.TB) (keys []string) {
	t.Helper()
	list, err := s.backend.ListBucket(Bucket, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Contents {
		keys = append(keys, c.Key)
	}
	return keys
}

// Status answers as S3 does when it fails.
func Status(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s, says the test</Message>"+
		"</Error>", code, code)
}

// Cut answers rightly, but closes the connection after n bytes of the body, or
// before its last.
func (s *Server) Cut(w http.ResponseWriter, r *http.Request, n int) {
	whole := httptest.NewRecorder()
	s.handler.ServeHTTP(whole, r)
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(whole.Body.Len()))
	w.WriteHeader(whole.Code)
	n = max(min(n, whole.Body.Len()-1), 0)
	w.Write(whole.Body.Bytes()[:n]) //nolint:errcheck // the connection goes
	w.(http.Flusher).Flush()
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		c.Close() //nolint:errcheck // it goes
	}
}
