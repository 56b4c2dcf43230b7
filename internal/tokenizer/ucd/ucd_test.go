package ucd

import (
	"slices"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Characters that Unicode had before the oldest of the engine's tables must be classed as Go does.
func TestSetsAgreeWithGoOnOldCharacters(t *testing.T) {
	for name, want := range map[string]func(rune) bool{
		"L": unicode.IsLetter, "N": unicode.IsNumber, "onig:space": unicode.IsSpace,
		"M": unicode.IsMark, "P": unicode.IsPunct, "S": unicode.IsSymbol, "digits": unicode.IsNumber,
		"whitespace": unicode.IsSpace, "Lu": unicode.IsUpper, "Cc": unicode.IsControl,
		"Han": func(r rune) bool { return unicode.Is(unicode.Han, r) },
	} {
		set := Must(name)
		for r := rune(0); r < 0x800; r++ {
			if got := set.Has(r); got != want(r) && r != 0x61D { // new in Unicode 14
				t.Errorf("%s has %U: %v, want %v", name, r, got, want(r))
			}
		}
	}
}

func TestNewerCharacters(t *testing.T) {
	for _, c := range []struct {
		set  string
		r    rune
		want bool
	}{
		{"L", 0x1C89, true},       // Unicode 16: regular expressions know it
		{"Nd", 0x11DE0, false},    // Unicode 17: they do not
		{"digits", 0x11DE0, true}, // but the digit splitter does
		{"normalized", 0x9FE, false},
		{"normalized", 0x301, true},
		{"Cn", 0x378, true},
		{"C", 0xE000, true},
	} {
		set := Must(c.set)
		if got := set.Has(c.r); got != c.want {
			t.Errorf("%s has %U: %v, want %v", c.set, c.r, got, c.want)
		}
	}
	if got := string(Lower(nil, 'İ')); got != "i\u0307" {
		t.Errorf("lower case of U+0130 is %q", got)
	}
}

func TestSetOperations(t *testing.T) {
	upper, letter := Must("Lu"), Must("L")
	if got := upper.And(letter); !slices.Equal(got, upper) {
		t.Error("upper-case letters are not letters")
	}
	if got := upper.Or(letter); !slices.Equal(got, letter) {
		t.Error("letters lack upper-case letters")
	}
	if not := upper.Not(); not.Has('A') || !not.Has('a') || !slices.Equal(not.Not(), upper) {
		t.Error("the complement is wrong")
	}
	if got, want := Of('c', 'a', 'b', 'x'), (Set{{'a', 'c'}, {'x', 'x'}}); !slices.Equal(got, want) {
		t.Errorf("set %v, want %v", got, want)
	}
}

func TestFastFormsOfSets(t *testing.T) {
	letter, number := Must("L"), Must("N")
	bitmap, classes := letter.Bitmap(), Classify(number, letter)
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if bitmap.Has(r) != letter.Has(r) {
			t.Fatalf("bitmap has %U: %v", r, bitmap.Has(r))
		}
		want := uint8(0)
		if number.Has(r) {
			want = 1
		} else if letter.Has(r) {
			want = 2
		}
		if got := classes.Of(r); got != want {
			t.Fatalf("class of %U is %d, want %d", r, got, want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		read()
	}
}
