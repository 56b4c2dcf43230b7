package dedup

import (
	"errors"
	"fmt"
	"iter"
	"math/rand"
	"testing"
)

func keys(texts []string) iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		for _, t := range texts {
			if !yield(KeyOf(t), nil) {
				return
			}
		}
	}
}

func TestFirst(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var finder Finder
	for n := range 200 {
		var texts []string
		seen := map[string]uint32{}
		var want []uint32
		for i := range n {
			text := fmt.Sprint(rng.Intn(50))
			if _, ok := seen[text]; !ok {
				seen[text] = uint32(i)
			}
			texts, want = append(texts, text), append(want, seen[text])
		}
		got, err := finder.First(n, keys(texts))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%d documents: got %v, %v; want %v", n, got, err, want)
		}
	}
}

func TestFirstErrors(t *testing.T) {
	if _, err := new(Finder).First(1, keys([]string{"a", "b"})); err == nil {
		t.Error("too many keys are accepted")
	}
	if _, err := new(Finder).First(3, keys([]string{"a", "b"})); err == nil {
		t.Error("too few keys are accepted")
	}
	failed := errors.New("failed")
	_, err := new(Finder).First(1, func(yield func(Key, error) bool) { yield(Key{}, failed) })
	if !errors.Is(err, failed) {
		t.Errorf("got %v, want %v", err, failed)
	}
}
