package spill

import (
	"math/rand"
	"os"
	"slices"
	"sync"
	"testing"
)

func TestSorter(t *testing.T) {
	for _, n := range []int{0, 1, 1023, 1024, 1025, 10_000} {
		dir := t.TempDir()
		s := NewSorter(dir, "x", 1024*recordBytes)
		rng := rand.New(rand.NewSource(int64(n)))
		var want []Record
		for range n {
			want = append(want, Record{Key: [2]uint64{uint64(rng.Intn(50)), rng.Uint64() % 3},
				Doc: uint64(rng.Intn(100)), From: rng.Uint32(), To: rng.Uint32()})
		}
		var group sync.WaitGroup
		for part := range slices.Chunk(want, 777) {
			group.Go(func() {
				if err := s.Add(part...); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		slices.SortFunc(want, Record.Compare)
		var got []Record
		for r, err := range s.Sorted() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d records come out wrongly", n)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind %v, %v", left, err)
		}
	}
}

func TestSorterFails(t *testing.T) {
	s := NewSorter("/nowhere/at/all", "x", 0)
	if err := s.Add(make([]Record, 5000)...); err == nil {
		t.Error("runs are written to a folder that is not there")
	}
}

func BenchmarkSorter(b *testing.B) {
	rng := rand.New(rand.NewSource(1))
	records := make([]Record, 1_000_000)
	for i := range records {
		records[i] = Record{Key: [2]uint64{rng.Uint64(), rng.Uint64()}, Doc: uint64(i)}
	}
	b.SetBytes(recordBytes * int64(len(records)))
	for b.Loop() {
		s := NewSorter(b.TempDir(), "x", 8<<20)
		if err := s.Add(records...); err != nil {
			b.Fatal(err)
		}
		for _, err := range s.Sorted() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
