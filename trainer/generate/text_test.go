package generate

import (
	"strings"
	"testing"

	"longlora/internal/defaults"
)

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"abc", "cde", 1}, {"abab", "abx", 2}, {"ab", "ab", 0}, {"", "x", 0}, {"xab", "abab", 2}} {
		if got := overlap(c.a, c.b); got != c.want {
			t.Errorf("overlap(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestTextStops: however tokens cut a text, what comes out is that before the first stop text.
func TestTextStops(t *testing.T) {
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	const whole = "for i := range 10 {\n\tfmt.Println(i)\n}\n\nreturn nil\n"
	for _, stops := range [][]string{nil, {"\n\n"}, {"never", "Println("}, {"f"}, {"nil\n\n"}, {"turn", "ret"}} {
		at, cut := len(whole), false
		for _, s := range stops {
			if i := strings.Index(whole, s); i >= 0 {
				at, cut = min(at, i), true
			}
		}
		want := whole[:at]
		text, got, stopped := NewText(tok, stops), "", false
		for _, id := range tok.Encode(nil, whole, false) {
			var part string
			if part, stopped, err = text.Push(id); err != nil {
				t.Fatal(err)
			}
			if got += part; stopped {
				break
			}
		}
		if !stopped {
			rest, err := text.Flush()
			if err != nil {
				t.Fatal(err)
			}
			got += rest
		}
		if got != want || stopped != cut {
			t.Errorf("%q: %q, %v; want %q", stops, got, stopped, want)
		}
	}
}
