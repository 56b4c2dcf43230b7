package words

import (
	"reflect"
	"strings"
	"testing"
)

func each(text string) (found []string, hashes []uint64) {
	Each(text, func(h uint64, start, end int) bool {
		found, hashes = append(found, text[start:end]), append(hashes, h)
		return true
	})
	return found, hashes
}

func TestEach(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                nil,
		" .,\n":                           nil,
		"It's (quite) GOOD":               {"It", "s", "quite", "GOOD"},
		"x1 2y":                           {"x1", "2y"},
		"naïve cafe\u0301—Ünder":          {"naïve", "cafe\u0301", "Ünder"},
		"ab漢字c ไท":                        {"ab", "漢", "字", "c", "ไ", "ท"},
		"broken \xff\xfe utf":             {"broken", "utf"},
		"Мир, труд":                       {"Мир", "труд"},
		strings.Repeat("long", 100) + ".": {strings.Repeat("long", 100)},
	} {
		if got, _ := each(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestNormalized(t *testing.T) {
	_, a := each("The quick, brown Фокс")
	_, b := each("the QUICK\nbrown — фокс!")
	if !reflect.DeepEqual(a, b) {
		t.Errorf("case, punctuation and space make a difference: %x, %x", a, b)
	}
	if _, c := each("the quick brown"); reflect.DeepEqual(a, c) {
		t.Error("different words have the same hashes")
	}
}

func TestEachStops(t *testing.T) {
	for _, text := range []string{"a b c d", "а б в г", "漢字漢字"} {
		n := 0
		Each(text, func(uint64, int, int) bool { n++; return n < 2 })
		if n != 2 {
			t.Errorf("%q: %d calls, want 2", text, n)
		}
	}
}

// TestWindow compares the rolling hash with that of a fresh window.
func TestWindow(t *testing.T) {
	const size = 5
	text := "one two three four five six seven one two three four five"
	rolling := NewWindow(size)
	var hashes []uint64
	var starts []int
	Each(text, func(h uint64, start, _ int) bool {
		if h, first, ok := rolling.Add(h, start); ok {
			hashes, starts = append(hashes, h), append(starts, first)
		}
		return true
	})
	list, words := each(text)
	if len(hashes) != len(list)-size+1 {
		t.Fatalf("%d windows of %d words", len(hashes), len(list))
	}
	for i := range hashes {
		fresh := NewWindow(size)
		var want uint64
		for k := i; k < i+size; k++ {
			h, _, ok := fresh.Add(words[k], 0)
			if want = h; ok != (k == i+size-1) {
				t.Fatalf("the window is full after %d words", k-i+1)
			}
		}
		if hashes[i] != want || !strings.HasPrefix(text[starts[i]:], list[i]) {
			t.Errorf("window %d: hash %x at %d, want %x at %q", i, hashes[i], starts[i], want, list[i])
		}
	}
	if hashes[0] != hashes[7] || hashes[0] == hashes[1] {
		t.Errorf("hashes %x", hashes)
	}
	rolling.Reset()
	if _, _, ok := rolling.Add(1, 0); ok {
		t.Error("a window is full after Reset")
	}
}

func BenchmarkEach(b *testing.B) {
	text := strings.Repeat("It was the best of times, it was the worst of times. ", 20_000)
	b.SetBytes(int64(len(text)))
	w := NewWindow(13)
	for b.Loop() {
		Each(text, func(h uint64, start, _ int) bool { w.Add(h, start); return true })
	}
}
