package regex

import (
	"slices"
	"strings"
	"testing"
)

// all returns the matches of an expression in a text.
func all(t *testing.T, expr, text string) []string {
	t.Helper()
	re, err := Compile(expr)
	if err != nil {
		t.Fatal(err)
	}
	m := re.Matcher()
	var got []string
	for at := 0; ; {
		start, end, ok := m.Find(text, at)
		if !ok {
			return got
		}
		got = append(got, text[start:end])
		at = end
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		want       []string
	}{
		{`a|ab`, "abab", []string{"a", "a"}}, // the first alternative, not the longest
		{`\s+(?!\S)|\s+`, "a   b c  ", []string{"  ", " ", " ", "  "}},
		{`\s*[\r\n]+`, "a \n \n b", []string{" \n \n"}},
		{`(?i:'s|'t)`, "'S'ſ't", []string{"'S", "'ſ", "'t"}},
		{`(?i)k`, "kK\u212a", []string{"k", "K", "\u212a"}},
		{`a++a|b`, "aaab", []string{"b"}}, // possessive: nothing is given back
		{`(?>a+)a|b`, "aaab", []string{"b"}},
		{`a+?b`, "aab", []string{"aab"}},
		{`a{1,2}?`, "aaa", []string{"a", "a", "a"}},
		{`\p{N}{1,3}+`, "12345", []string{"12345"}}, // in Ruby's syntax one or more groups
		{`[a-z&&[^aeiou]]+`, "hello", []string{"h", "ll"}},
		{`[^(\s|[.,])]+`, "a.b (c|d)", []string{"a", "b", "c", "d"}},
		{`[]a]+`, "]a[", []string{"]a"}},
		{`\d{3}(?=(?:\d{3})*\b)|\d+?(?=(?:\d{3})+\b)`, "1234567", []string{"1", "234", "567"}},
		{`^a|b$`, "a\na\nb\nb", []string{"a", "a", "b", "b"}}, // Ruby: at every line
		{`\Aa|b\z`, "aab b", []string{"a", "b"}},
		{`(?<=a)b|(?<!a)c`, "abcac", []string{"b", "c"}},
		{`\w+`, "a\u0301²_", []string{"a\u0301²_"}},
		{`[\w]+`, "a²", []string{"a"}}, // the engine's brackets disagree with it on U+00B2
		{`\x{4e2d}|\u6587`, "中文", []string{"中", "文"}},
		{`a{,2}b`, "aab", []string{"aab"}},
		{`a{x}`, "a{x}", []string{"a{x}"}}, // a brace that is no quantifier
		{`a(?i)b|c`, "aBACac", []string{"aB", "ac"}},
	} {
		if got := all(t, c.expr, c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s in %q: %q, want %q", c.expr, c.text, got, c.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for expr, want := range map[string]string{
		`a*`:                                  "matches the empty text",
		`(`:                                   "a group is not closed",
		`a)`:                                  "unmatched )",
		`[a`:                                  "a character class is not closed",
		`*a`:                                  "nothing to repeat",
		`\p{Klingon}`:                         `\p{Klingon} is not supported`,
		`\R`:                                  `\R is not supported`,
		`(a)\1`:                               `\1 is not supported`,
		`(?x)a`:                               "group option (?x is not supported",
		`(?i:ss)`:                             "ligatures",
		`(?i:é)`:                              "without regard to case",
		`(a+)+`:                               "exponential",
		`(a|a)*b`:                             "exponential",
		`(a?)*b`:                              "can be empty",
		`(?<=ab)c`:                            "looking behind",
		`a**`:                                 "a quantifier behind a quantifier",
		`a{2}?`:                               "engines differ",
		`a{9999}`:                             "out of range",
		`[z-a]`:                               "a range from",
		`(((a{99}){99})`:                      "a group is not closed",
		`((a{99}){99}){99}b`:                  "instructions",
		strings.Repeat("(", 200):              "nested deeper",
		strings.Repeat("[", 200):              "nested deeper",
		"\\":                                  "a backslash at the end",
		`\x80`:                                "is a byte",
		`\x{110000}`:                          "is not a character",
		`[[:nonsense:]]`:                      "POSIX bracket",
		`(?:(?:a|b){5}|(?:a|c){5}){5,1000}dd`: "exponential",
	} {
		_, err := Compile(expr)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30s: error %v does not say %q", expr, err, want)
		}
	}
}

// Work is linear where the known patterns are applied to their worst texts.
func TestFindInLongRuns(t *testing.T) {
	const expr = `[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	for _, unit := range []string{"a", " ", "中", "\n", ".", "1"} {
		text := strings.Repeat(unit, 200_000)
		if got := strings.Join(all(t, expr, text), ""); got != text {
			t.Errorf("runs of %q are not covered", unit)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`(?i:'s|'t)|[^\r\n\p{L}]?\p{L}+|\s+(?!\S)`, "it's  a\ntest")
	f.Add(`[a-z&&[^b]]{1,3}?|(?>x+)|\bq\B|(?<=a)b`, "aaxxqb")
	f.Fuzz(func(t *testing.T, expr, text string) {
		re, err := Compile(expr)
		if err != nil || len(text) > 200 {
			return
		}
		text = strings.ToValidUTF8(text, "")
		m := re.Matcher()
		for at := 0; ; {
			start, end, ok := m.Find(text, at)
			if !ok {
				break
			}
			if start < at || end <= start || end > len(text) {
				t.Fatalf("%q in %q: match %d..%d at %d", expr, text, start, end, at)
			}
			at = end
		}
	})
}
