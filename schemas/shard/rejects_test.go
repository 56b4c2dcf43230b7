package shard

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"longlora/schemas"
)

// TestRejectsAreSortedOnDisk rejects enough for several runs, in two orders.
func TestRejectsAreSortedOnDisk(t *testing.T) {
	const n = 3000 // of about 160 bytes each
	want := make([]string, n)
	for i := range want {
		line, err := json.Marshal(rejected{
			fmt.Sprint("doc-", i/2), fmt.Sprint("reason ", i%3),
			fmt.Sprint(strings.Repeat("detail ", 12), i),
		})
		if err != nil {
			t.Fatal(err)
		}
		want[i] = string(line)
	}
	root := t.TempDir()
	var first string
	for seed := range int64(2) {
		dir := filepath.Join(root, fmt.Sprint(seed))
		b, err := Create(dir, Options{Kind: schemas.KindDocument, Name: "r"})
		if err != nil {
			t.Fatal(err)
		}
		b.rejects.most = n * 160 / 4
		for _, i := range rand.New(rand.NewSource(seed)).Perm(n) {
			var r rejected
			if err := json.Unmarshal([]byte(want[i]), &r); err != nil {
				t.Fatal(err)
			}
			b.Reject(r.ID, r.Reason, r.Detail)
		}
		if len(b.rejects.runs) < 2 || b.rejects.bytes > b.rejects.most {
			t.Errorf("%d runs, %d bytes in memory", len(b.rejects.runs), b.rejects.bytes)
		}
		m, err := b.Publish()
		if err != nil {
			t.Fatal(err)
		}
		if m.Rejected["reason 0"] != n/3 {
			t.Errorf("counts %v", m.Rejected)
		}
		data, err := os.ReadFile(filepath.Join(dir, "reject", "rejected.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(data)
		} else if first != string(data) {
			t.Error("another order of rejecting gives another file")
		}
	}
	got := strings.Split(strings.TrimSpace(first), "\n")
	ids := make([]string, len(got))
	for i, line := range got {
		var r rejected
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		ids[i] = r.ID
	}
	if !slices.IsSorted(ids) {
		t.Error("the ids are not sorted")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Error("the list is not what was rejected")
	}
}

func TestRejectedIDsAreUTF8(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	b, err := Create(dir, Options{Kind: schemas.KindDocument, Name: "r"})
	if err != nil {
		t.Fatal(err)
	}
	b.Reject("caf\xe9", "unreadable", "")
	if _, err := b.Publish(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "reject", "rejected.jsonl"))
	if want := "{\"id\":\"caf\ufffd\",\"reason\":\"unreadable\"}\n"; err != nil || string(data) != want {
		t.Errorf("got %q, %v, want %q", data, err, want)
	}
}
