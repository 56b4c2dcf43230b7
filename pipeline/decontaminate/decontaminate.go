// Package decontaminate finds text of evaluation sets in documents, so that no model is tested on
// what it was trained on.
//
// An evaluation set is cut into normalized words (package words), and every run of 13 of them goes
// into an Index, as in Brown et al. 2020 ("Language models are few-shot learners", appendix C). A
// document that holds one of these runs is contaminated: it is dropped, the passage is masked, or the
// hit is only reported. Queries, answers, runs that go from one to the other and whole texts are
// told apart.
package decontaminate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"longlora/internal/store"
	"longlora/pipeline/words"
)

// Part says which part of an evaluation item a run of words comes from.
type Part string

// The parts of an evaluation item.
const (
	Query   Part = "query"
	Answer  Part = "answer"
	Overlap Part = "overlap" // begins in the query and ends in the answer
	Text    Part = "text"    // what the item is about: a context, an article, a whole file
)

// Parts lists all parts in the order in which a run of words that stands in several is named.
func Parts() []Part { return []Part{Query, Answer, Overlap, Text} }

// Policy says what becomes of a contaminated document.
type Policy string

// The policies.
const (
	Drop   Policy = "drop"   // the document
	Mask   Policy = "mask"   // the passages
	Report Policy = "report" // nothing but the list of hits
)

// Policies lists the policies with what each does.
func Policies() []string {
	return []string{
		"drop: documents with text of an evaluation set are dropped",
		"mask: the text is replaced by " + Placeholder,
		"report: documents stay as they are, and the hits are listed",
	}
}

// Placeholder stands where a passage was masked.
const Placeholder = "[evaluation text]"

// DefaultWords is the length of a run by default.
const DefaultWords = 13

// Options say how documents are compared with evaluation sets.
type Options struct {
	// Words is the length of a run; 0 means DefaultWords.
	Words int
	// Parts are those that count; none means all.
	Parts []Part
	// Policy is what becomes of a contaminated document; empty means Drop.
	Policy Policy
	// QueryFields, AnswerFields and TextFields are the names under which JSON objects and Parquet rows
	// hold the parts; none means the usual names.
	QueryFields, AnswerFields, TextFields []string
	// Stores says how the URLs of evaluation sets are reached.
	Stores store.Options
}

// WithDefaults returns the options with every zero replaced by what it means.
func (o Options) WithDefaults() Options {
	if o.Words == 0 {
		o.Words = DefaultWords
	}
	if len(o.Parts) == 0 {
		o.Parts = Parts()
	}
	if o.Policy == "" {
		o.Policy = Drop
	}
	for _, f := range []struct {
		names *[]string
		usual []string
	}{
		{&o.QueryFields, usualQueries}, {&o.AnswerFields, usualAnswers}, {&o.TextFields, usualTexts},
	} {
		if len(*f.names) == 0 {
			*f.names = f.usual
		}
	}
	return o
}

// Validate reports every problem at once.
func (o Options) Validate() error {
	o = o.WithDefaults()
	var errs []error
	if o.Words < 3 {
		errs = append(errs, fmt.Errorf("runs of %d words are found everywhere; take at least 3", o.Words))
	}
	for _, p := range o.Parts {
		if !slices.Contains(Parts(), p) {
			errs = append(errs, fmt.Errorf("evaluation part %q is unknown; there are %s", p,
				join(Parts())))
		}
	}
	if policies := []Policy{Drop, Mask, Report}; !slices.Contains(policies, o.Policy) {
		errs = append(errs, fmt.Errorf("decontamination policy %q is unknown; there are %s", o.Policy,
			join(policies)))
	}
	return errors.Join(errs...)
}

func join[S ~string](list []S) string {
	var names []string
	for _, s := range list {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// Item is one entry of an evaluation set.
type Item struct {
	// ID names it, as "squad.jsonl:17".
	ID string
	// Queries, Answers and Texts may be several each.
	Queries, Answers, Texts []string
}

// Hit is a passage of a document that stands in an evaluation set.
type Hit struct {
	// Start and End are its half-open range of bytes in the document's text.
	Start int `json:"start"`
	End   int `json:"end"`
	// Words is its length.
	Words int `json:"words"`
	// NGram are the first words of it, as they stand in the document.
	NGram string `json:"ngram"`
	// Item is the first evaluation item that holds these words, Part where it does.
	Item string `json:"item"`
	Part Part   `json:"part"`
}

// Check returns the passages of a text that stand in the evaluation sets, in order. Runs that overlap
// or touch are one passage. It may be called concurrently.
func (x *Index) Check(text string) (hits []Hit) {
	if len(x.grams.keys) == 0 {
		return nil
	}
	w := words.NewWindow(x.o.Words)
	n := 0       // words so far
	until := -1  // the word behind the last hit
	var from int // the first word of the last hit
	add := func(start, end int, e entry) {
		first := n - x.o.Words
		if len(hits) > 0 && first <= until {
			hits[len(hits)-1].End, hits[len(hits)-1].Words = end, n-from
		} else {
			from = first
			hits = append(hits, Hit{
				Start: start, End: end, Words: x.o.Words, NGram: text[start:end],
				Item: x.items[e.item], Part: Parts()[e.part],
			})
		}
		until = n
	}
	words.Each(text, func(h uint64, start, end int) bool {
		n++
		if h, first, ok := w.Add(h, start); ok {
			if e, found := x.grams.find(h); found {
				add(first, end, e)
			}
		}
		return true
	})
	return hits
}

// MaskHits returns the text with every hit replaced by Placeholder.
func MaskHits(text string, hits []Hit) string {
	var b strings.Builder
	at := 0
	for _, h := range hits {
		b.WriteString(text[at:h.Start])
		b.WriteString(Placeholder)
		at = h.End
	}
	b.WriteString(text[at:])
	return b.String()
}
