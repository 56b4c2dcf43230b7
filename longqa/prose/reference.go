package prose

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Reference is an entry of a numbered list of references.
type Reference struct {
	Number int
	Entry  Span // with its number
	Work   Span // without
}

// minReferences is the length of a list that is certainly one.
const minReferences = 4

var (
	// referencesHead is the line above a list of references.
	referencesHead = regexp.MustCompile(`(?im)^(?:#{1,6}[ \t]+|\*\*)?(?:[0-9IVX]+\.?[ \t]+)?` +
		`(?:references|bibliography|literature cited|works cited|literatur|literaturverzeichnis|` +
		`bibliographie|références|referencias|bibliografía|参考文献|список літератури|література)` +
		`(?:\*\*)?[ \t]*:?[ \t]*$`)
	entryHead = regexp.MustCompile(`(?m)^(?:-[ \t]+)?\[(\d{1,3})\][ \t]+`)
)

// References finds the entries of the last list of references that is numbered in brackets from 1
// on without a gap; none if there is no such list. An entry ends at the next, at a blank line or at
// a heading.
func References(text string) []Reference {
	heads := referencesHead.FindAllStringIndex(text, -1)
	if len(heads) == 0 {
		return nil
	}
	from := heads[len(heads)-1][1]
	var all []Reference
	starts := entryHead.FindAllStringSubmatchIndex(text[from:], -1)
	for i, m := range starts {
		n, _ := strconv.Atoi(text[from+m[2] : from+m[3]]) // three digits
		if n != i+1 {
			if len(all) >= minReferences {
				break // what follows is another list
			}
			return nil
		}
		end := len(text)
		if i+1 < len(starts) {
			end = from + starts[i+1][0]
		}
		work := Span{from + m[1], end}
		if j := strings.Index(work.Of(text), "\n\n"); j >= 0 {
			work.End = work.Start + j
		}
		if j := strings.Index(work.Of(text), "\n#"); j >= 0 {
			work.End = work.Start + j
		}
		work = trim(text, work)
		all = append(all, Reference{n, Span{from + m[0], work.End}, work})
	}
	if len(all) < minReferences {
		return nil
	}
	return all
}

// ReferencesStart is where the last list of references begins, numbered or not; the text's length
// if it has none.
func ReferencesStart(text string) int {
	heads := referencesHead.FindAllStringIndex(text, -1)
	if len(heads) == 0 {
		return len(text)
	}
	return heads[len(heads)-1][0]
}

// Quotable reports whether a reference can be asked about: of a usual length, without what quoting
// needs.
func (r Reference) Quotable(text string) bool {
	work := r.Work.Of(text)
	n := utf8.RuneCountInString(work)
	return n >= 30 && n <= 400 && !strings.ContainsAny(work, "“”„«»「」`|#")
}
