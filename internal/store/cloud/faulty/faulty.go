// Package faulty runs a store's server for tests, on loopback, whose requests can be counted and made
// to fail.
package faulty

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Server is a running server. It ends with its test.
type Server struct {
	// URL is the server's own address.
	URL     string
	handler http.Handler

	mu       sync.Mutex
	fault    Fault
	requests []string
	bytes    int64
}

// Fault answers a request in the server's stead, and returns true; or it returns false. n counts the
// requests since the fault was set, from 0.
type Fault func(w http.ResponseWriter, r *http.Request, n int) bool

// Start starts a server that answers by a handler.
func Start(t testing.TB, handler http.Handler) *Server {
	t.Helper()
	s := &Server{handler: handler}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.intercept(w, r) {
			handler.ServeHTTP(counted{w, s}, r)
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
	for _, name := range []string{"Range", "X-Ms-Range"} {
		if x := r.Header.Get(name); x != "" {
			line += " " + x
		}
	}
	s.requests = append(s.requests, line)
	s.mu.Unlock()
	return fault != nil && fault(w, r, n)
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

// First lets a fault answer the first n requests.
func First(n int, f http.HandlerFunc) Fault {
	return func(w http.ResponseWriter, r *http.Request, i int) bool {
		if i < n {
			f(w, r)
		}
		return i < n
	}
}

// HangUp closes the connection without an answer.
func HangUp(w http.ResponseWriter, _ *http.Request) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		c.Close() //nolint:errcheck // that is the fault
	}
}

// Cut answers rightly, but closes the connection after n bytes of the body, or
// before its last.
func (s *Server) Cut(w http.ResponseWriter, r *http.Request, n int) {
	s.CutAfter(w, r, n, func() {})
}

// CutAfter is Cut that calls f once the answer is made, before any of it is sent: what f changes is
// changed for whoever asks for the rest.
func (s *Server) CutAfter(w http.ResponseWriter, r *http.Request, n int, f func()) {
	whole := httptest.NewRecorder()
	s.handler.ServeHTTP(whole, r)
	f()
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
