package check

import (
	"fmt"
	"strings"
	"unicode"

	"longlora/schemas"
)

// The rules for an answer that was a comment.
const (
	minWords    = 20
	minNewWords = 8
	gram        = 8
	maxLeft     = 0.25
)

// goldDoc checks that an answer from a comment is one, and that the context does not say it.
func (c *checker) goldDoc(e *schemas.Example) error {
	words := lowerWords(e.Output)
	if len(words) < minWords {
		return fmt.Errorf("the answer has %d words, want %d", len(words), minWords)
	}
	name := strings.ToLower(e.Meta["name"])
	fresh := map[string]bool{}
	for _, w := range words {
		if len(w) > 3 && !strings.Contains(name, strings.TrimSuffix(w, "s")) {
			fresh[w] = true
		}
	}
	if len(fresh) < minNewWords-4 { // short words are not counted here
		return fmt.Errorf("the answer only restates the name %s", e.Meta["name"])
	}
	if c.grams == nil {
		c.grams = grams(lowerWords(c.context))
	}
	left, all := 0, 0
	for g := range grams(words) {
		all++
		if c.grams[g] {
			left++
		}
	}
	if float64(left) >= maxLeft*float64(all) {
		return fmt.Errorf("the context has %d of the answer's %d word sequences", left, all)
	}
	return c.goldEvidence(e)
}

// goldEvidence requires that the evidence declares what is asked about, or, for a package, that it
// has the package.
func (c *checker) goldEvidence(e *schemas.Example) error {
	x, err := c.parse()
	if err != nil {
		return err
	}
	key := e.Meta["symbol"]
	for _, p := range x.packages {
		if p.path == key {
			return nil
		}
	}
	d, err := x.find(key)
	if err != nil {
		return err
	}
	if !strings.Contains(e.Instruction, "`"+x.display(d)+"`") {
		return fmt.Errorf("the question does not name %s", x.display(d))
	}
	return c.evidenceHas(e, d.name)
}

func lowerWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

func grams(words []string) map[string]bool {
	all := map[string]bool{}
	for i := 0; i+gram <= len(words); i++ {
		all[strings.Join(words[i:i+gram], " ")] = true
	}
	return all
}
