package shard

import (
	"os"
	"strings"
	"testing"

	"longlora/schemas"
)

// A URL is no folder, and leaves none behind.
func TestCreateRefusesURLs(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"s3://shelf/x", "file:///tmp/x", "gs:/shelf/x.parts/derived"} {
		_, err := Create(dir, Options{Kind: schemas.KindDocument, Name: "x"})
		if err == nil || !strings.Contains(err.Error(), "pipeline publish") {
			t.Errorf("%s: got %v, want the way to publish", dir, err)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("%d entries are left, %v", len(left), err)
	}
}
