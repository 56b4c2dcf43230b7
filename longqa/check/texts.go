package check

import (
	"fmt"
	"regexp"
	"strings"

	"longlora/schemas"
)

// heading finds the lines and words that begin a section of a text: Markdown's two forms of
// headings, the numbered labels of an old book, and its titles without a number.
var heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?)(?: *\{#[^}\n]*\})?[ \t]*$` +
	`|^([^\n]+)\n(?:=+|-+)[ \t]*$` +
	`|^(_?(?:DEFIN|AX|PROP|Exper|Obs|Qu)\._? (?:[IVXL]+|[0-9]+))\b` +
	`|^(?:(_[A-Z][A-Za-z]+\._) |(_[^\n]{2,60}_\.?)[ \t]*$|([A-Z][A-Z .]{3,60})[ \t]*$)`)

// labels are a text's headings in order, with where they begin. A heading stands after a blank
// line.
func labels(text string) (names []string, at []int) {
	for _, m := range heading.FindAllStringSubmatchIndex(text, -1) {
		if m[0] >= 2 && text[m[0]-2:m[0]] != "\n\n" && strings.TrimSpace(lineBefore(text, m[0])) != "" {
			continue
		}
		for g := 2; g < len(m); g += 2 {
			if m[g] >= 0 {
				name := strings.TrimSpace(text[m[g]:m[g+1]])
				if g > 6 {
					name = "" // a title without a number, which no question asks for
				} else if g == 6 {
					name = strings.ReplaceAll(name, "_", "")
				}
				names, at = append(names, name), append(at, m[0])
			}
		}
	}
	return names, at
}

// lineBefore is the line that ends right before a position.
func lineBefore(text string, at int) string {
	before := strings.TrimSuffix(text[:at], "\n")
	return before[strings.LastIndexByte(before, '\n')+1:]
}

// unanswerable requires that the context has no declaration of what is asked about, or no mention
// of it at all.
func (c *checker) unanswerable(e *schemas.Example) error {
	switch {
	case e.Meta["unanswerable"] == "reference":
		return c.noReference(e)
	case e.Meta["symbol"] == "":
		return c.noTerm(e)
	}
	key := e.Meta["symbol"]
	name := key[strings.LastIndexByte(key, '.')+1:]
	asked := terms(e.Output)
	if len(asked) != 1 || !strings.HasSuffix(asked[0], name) ||
		!strings.Contains(e.Instruction, "`"+asked[0]+"`") {
		return fmt.Errorf("the question and the answer are not both about %s", key)
	}
	switch e.Meta["unanswerable"] {
	case "absent":
		if strings.Contains(c.context, name) {
			return fmt.Errorf("%s occurs in the context", name)
		}
	case "undeclared":
		x, err := c.parse()
		if err != nil {
			return err
		}
		if n := len(x.byName[name]); n > 0 {
			return fmt.Errorf("%s is declared %d times in the context", name, n)
		}
		return c.evidenceHas(e, name)
	default:
		return fmt.Errorf("unanswerable for the unknown reason %q", e.Meta["unanswerable"])
	}
	return nil
}
