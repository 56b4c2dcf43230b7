package cloud

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"longlora/internal/store"
	"longlora/internal/store/cloud/faulty"
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

func read(s store.Store, name string, offset int64) (string, error) {
	r, err := s.Open(context.Background(), name, offset)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}

// TestS3OtherRegion says how to reach a bucket that lies elsewhere.
func TestS3OtherRegion(t *testing.T) {
	s := startS3(t)
	s.SetFault(faulty.First(1, s.status(301, "PermanentRedirect")))
	_, err := read(open(t, s.url), "x", 0)
	if err == nil || !strings.Contains(err.Error(), "set AWS_REGION") {
		t.Errorf("got %v", err)
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
