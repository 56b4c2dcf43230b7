package rule

import (
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	good := "Copy reads from the source until an error or the end, writes what it read to the " +
		"destination, and reports how many bytes were moved before it stopped."
	for _, c := range []struct{ answer, name, want string }{
		{good, "Copy", ""},
		{"Copy copies from the source to the destination.", "Copy", Short},
		{strings.Repeat("readLine reads the line of the lines. ", 6), "readLine", Restates},
		{"", "x", Short},
	} {
		if got := Summary(c.answer, c.name); got != c.want {
			t.Errorf("Summary(%.30q, %s) = %q, want %q", c.answer, c.name, got, c.want)
		}
	}
}

func TestGrams(t *testing.T) {
	answer := "one two three four five six seven eight nine ten eleven" // four grams
	doc := "// One two three four\n// five six seven, eight nine ten eleven.\n"
	for _, c := range []struct {
		text    string
		removed []string
		want    float64
	}{
		{doc + "func f()", []string{doc}, 0},
		{doc + "func f()", nil, 1},
		{doc + "func f()\n" + doc, []string{doc}, 1},
		{doc + "x two three four five six seven eight nine y", []string{doc}, 0.25},
		{"", nil, 0},
	} {
		if got := GramsOf(c.text).Left(answer, c.removed); got != c.want {
			t.Errorf("%q without %q: %g of the grams are left, want %g", c.text, c.removed, got, c.want)
		}
	}
	if got := GramsOf("short").Left("short", nil); got != 0 {
		t.Errorf("an answer without a gram has %g left", got)
	}
}

func TestNameParts(t *testing.T) {
	if got := strings.Join(nameParts("readHTTPLine2_x"), " "); got != "read httpline2 x" {
		t.Errorf("got %q", got)
	}
}
