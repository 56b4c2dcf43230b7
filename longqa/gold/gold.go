// Package gold reads published sets of questions that people answered. Each set is one file and one
// line of the table.
package gold

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"longlora/schemas"
)

// Source reads one published set.
type Source interface {
	// Name is as a command's flag takes it; answers are marked "gold:" and the name.
	Name() string
	// About says what it is and whose, in a sentence with a link.
	About() string
	// Published is what the publisher says that the set has.
	Published() Published
	// Rows streams the set at a path as examples without n_tokens. A row that cannot be used comes
	// with a Problem; an error ends the stream.
	Rows(path string) iter.Seq2[Row, error]
}

// Published are a publisher's counts.
type Published struct {
	// Rows is the number of rows, with or without a Problem, by part.
	Rows map[string]int
	// Origin says where the publisher gives them.
	Origin string
}

// Row is an example, or why there is none.
type Row struct {
	schemas.Example
	// Part is the publisher's name for the part of the set that the row is of, by which Published
	// counts; "" is the split.
	Part string
	// Reason is a word or two for the kind of problem, "" for malformed rows; Problem says what is
	// wrong with this one. A row without a Problem is good.
	Reason, Problem string
}

// sources is the table.
var sources = [...]Source{
	qmsum{}, squality{}, narrativeQA{}, narrativeQA{summaries: true}, quality{}, qasper{}, lEval{},
	longBench{}, longBench2{}, stanfordAlpaca{}, goDoc{},
}

// Names lists the sources.
func Names() []string {
	var names []string
	for _, s := range sources {
		names = append(names, s.Name())
	}
	return names
}

// Find returns the source with a name.
func Find(name string) (Source, error) {
	for _, s := range sources {
		if s.Name() == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("unknown source %q; there are goroot, %s", name,
		strings.Join(Names(), ", "))
}

// MetaAnswers is the key of Meta that holds all accepted answers of a row, a JSON array of strings,
// where there are several. Output is the first.
const MetaAnswers = "answers"

// unknownLicence marks material whose publisher names no licence.
const unknownLicence = "LicenseRef-unknown"

// splitOf reads a publisher's name for a split from a file's or folder's name; "train" if it says
// none.
func splitOf(name string) string {
	name = strings.ToLower(name)
	switch {
	case strings.Contains(name, "test"):
		return "test"
	case strings.Contains(name, "val"), strings.Contains(name, "dev"):
		return "validation"
	}
	return "train"
}

// whole is the evidence of an answer that rests on all of a text.
func whole(text string) []schemas.Span {
	return []schemas.Span{{End: int64(utf8.RuneCountInString(text))}}
}

// document is a text as contexts have it: lines end in one newline, and so does the text.
func document(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) + "\n"
}

// answersMeta is the Meta of a row with several accepted answers.
func answersMeta(answers []string) map[string]string {
	meta := map[string]string{}
	if len(answers) > 1 {
		meta[MetaAnswers] = list(answers)
	}
	return meta
}

// list writes texts as a JSON array.
func list(texts []string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(texts) // strings always encode
	return strings.TrimSpace(b.String())
}

// checked gives a row a problem if its question or answer is empty.
func checked(r Row) Row {
	if r.Problem == "" && (strings.TrimSpace(r.Instruction) == "" ||
		strings.TrimSpace(r.Output) == "") {
		r.Problem = "the question or the answer is empty"
	}
	return r
}
