// Package s3test is an S3 server for tests, on loopback and in memory, whose requests can be counted
// and made to fail.
package s3test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"longlora/internal/store/cloud/faulty"
)

// Bucket is the one that a server has from the start.
const Bucket = "shelf"

// Server is a running server. It ends with its test.
type Server struct {
	*faulty.Server
	backend gofakes3.Backend
}

// Fault is that of package faulty.
type Fault = faulty.Fault

// Start starts a server.
func Start(t testing.TB) *Server {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(Bucket); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	return &Server{faulty.Start(t, createOnce(backend, handler)), backend}
}

// createOnce adds what S3 does and the library under it does not: the condition of an upload in parts
// is looked at when the upload is completed.
func createOnce(backend gofakes3.Backend, handler http.Handler) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("If-None-Match") != "*" {
			handler.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if _, err := backend.HeadObject(Bucket, key); err == nil {
			Status(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		handler.ServeHTTP(w, r)
	})
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
