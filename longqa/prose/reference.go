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
	// Whole: nothing stands between the entry and the next, a heading or the end.
	Whole bool
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
		for _, after := range []string{"\n\n", "\n#"} {
			if j := strings.Index(work.Of(text), after); j >= 0 {
				work.End = work.Start + j
			}
		}
		rest := strings.TrimSpace(text[work.End:end])
		work = trim(text, work)
		all = append(all, Reference{
			Number: n, Entry: Span{from + m[0], work.End}, Work: work,
			Whole: rest == "" || strings.HasPrefix(rest, "#"),
		})
	}
	if len(all) < minReferences {
		return nil
	}
	return all
}

// Citation is a plain sentence that names one work of a numbered list.
type Citation struct {
	Sentence Span
	Number   int
}

// marker is a number in brackets, as citations are.
var marker = regexp.MustCompile(`[ \t]?\[(\d{1,3})\]`)

// Citations finds the sentences that cite just one work, by its number in brackets, and are plain
// without that. lines is as for Sentences.
func Citations(text string, lines bool) []Citation {
	var all []Citation
	for _, p := range Paragraphs(text, lines) {
		for start := p.Start; start < p.End; {
			end := sentenceEnd(text[:p.End], start)
			s := trim(text, Span{start, end})
			start = end
			found := marker.FindAllStringSubmatch(s.Of(text), -1)
			if len(found) != 1 || !plainSentence(marker.ReplaceAllString(s.Of(text), "")) {
				continue
			}
			n, _ := strconv.Atoi(found[0][1]) // three digits
			all = append(all, Citation{s, n})
		}
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

// Quotable reports whether a reference can be asked about: whole, of a usual length, without what
// quoting needs.
func (r Reference) Quotable(text string) bool {
	work := r.Work.Of(text)
	n := utf8.RuneCountInString(work)
	return r.Whole && n >= 30 && n <= 400 && !strings.ContainsAny(work, "“”„«»「」`|#")
}
