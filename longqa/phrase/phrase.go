// Package phrase has the wording of questions, answers and planted lines in several languages.
package phrase

import (
	"fmt"
	"sort"
	"strings"

	"longlora/longqa/dice"
)

// Key names what is said. A key's phrases have as many holes in every language.
type Key string

// The keys. Holes are given in brackets.
const (
	PassKeyPlant Key = "passkey plant" // [key]
	PassKey      Key = "passkey"       // []
	PassKeyIs    Key = "passkey is"    // [key]

	Value   Key = "value"    // [name]
	ValueIs Key = "value is" // [name, value]

	NumberPlant Key = "number plant"  // [name, number]
	Number      Key = "number"        // [name]
	NumberIs    Key = "number is"     // [name, number]
	Numbers     Key = "numbers"       // [name]
	NumbersAre  Key = "numbers are"   // [name, list]
	NumberEach  Key = "number of"     // [names]
	NumberPairs Key = "numbers by"    // [list of pairs]
	Variables   Key = "variables"     // [value]
	VariableAre Key = "variables are" // [value, list]

	WordCount Key = "word count" // [word]
	WordTimes Key = "word times" // [word, number]
	WordMost  Key = "word most"  // [words]
	WordWins  Key = "word wins"  // [word, number]

	Section     Key = "section"     // [sentence]
	SectionIs   Key = "section is"  // [label]
	Headings    Key = "headings"    // [labels]
	Passages    Key = "passages"    // [sentences, a line each]
	InSequence  Key = "in sequence" // [four]
	Speaker     Key = "speaker"     // [words]
	SpeakerIs   Key = "speaker is"  // [name]
	ReferenceNo Key = "reference"   // [work]
	ReferenceIs Key = "number of reference is"
	Work        Key = "work"      // [number]
	WorkIs      Key = "work is"   // [number, work]
	Cited       Key = "cited"     // [sentence]
	Cell        Key = "cell"      // [row, column]
	CellIs      Key = "cell is"   // [cell]
	Origin      Key = "origin"    // [sentence]
	OriginIs    Key = "origin is" // [title]

	Absent       Key = "absent"        // [term]: it does not occur
	AbsentNumber Key = "absent number" // [number]: the list of references has no such number
)

// Book is the wording in one language.
type Book struct {
	// Language is the first subtag of a BCP 47 tag.
	Language    string
	open, close string // quotation marks
	and         string // before a list's last item
	comma       string
	phrases     map[Key][]string
}

// books is the table of languages.
func books() []Book {
	return []Book{english, german, french, spanish, chinese, japanese,
		ukrainian}
}

// Languages lists the languages, sorted.
func Languages() []string {
	var all []string
	for _, b := range books() {
		all = append(all, b.Language)
	}
	sort.Strings(all)
	return all
}

// For returns the book for a BCP 47 tag, the English one where there is none for it.
func For(tag string) Book {
	first, _, _ := strings.Cut(strings.ToLower(tag), "-")
	for _, b := range books() {
		if b.Language == first {
			return b
		}
	}
	return english
}

// Quote puts a term into the language's quotation marks.
func (b Book) Quote(term string) string { return b.open + term + b.close }

// Say draws a phrase and fills its holes.
func (b Book) Say(d *dice.Dice, k Key, fill ...any) string {
	return fmt.Sprintf(dice.Pick(d, b.phrases[k]), fill...)
}

// List puts quoted terms into a list in prose.
func (b Book) List(terms []string) string {
	quoted := make([]string, len(terms))
	for i, t := range terms {
		quoted[i] = b.Quote(t)
	}
	return b.Join(quoted)
}

// Join puts items into a list in prose.
func (b Book) Join(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], b.comma) + b.and + items[len(items)-1]
}

// Sequence says in which order four terms come.
func (b Book) Sequence(d *dice.Dice, terms []string) string {
	fill := make([]any, len(terms))
	for i, t := range terms {
		fill[i] = b.Quote(t)
	}
	return b.Say(d, InSequence, fill...)
}

// Quotable reports whether a term can stand in quotation marks of every language.
func Quotable(term string) bool {
	return term != "" && !strings.ContainsAny(term, "“”„«»「」`\n")
}
