package dedup

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"

	"longlora/pipeline/spill"
	"longlora/pipeline/words"
)

// Passages says which passages of documents count as repeated.
//
// Of every window of Words·3/4 words the hash is taken, and of each run of Words/4 + 1 such windows the
// one with the least hash is recorded (winnowing: Schleimer, Wilkerson and Aiken 2003). Two documents
// that share a passage of Words words share a recorded window, wherever the passage stands. Windows that
// a document shares with an earlier one are its repeated passages, joined where they overlap. So every
// repeated passage of at least Words words is found, nothing shorter than three quarters of that is ever
// taken for one, and the ends are exact within a quarter.
type Passages struct {
	// Words is the length from which a repeated passage is surely found; 0: they are not looked for.
	Words int
}

// MinPassage is the least Passages.Words: shorter passages are phrases.
const MinPassage = 20

// Validate reports a length that is too small.
func (p Passages) Validate() error {
	if p.Words != 0 && p.Words < MinPassage {
		return fmt.Errorf("repeated passages of %d words are phrases; take at least %d, or 0 for none",
			p.Words, MinPassage)
	}
	return nil
}

// Window is the number of words of a recorded window.
func (p Passages) Window() int { return p.Words - p.Words/4 }

// step is the number of neighbouring windows of which one is recorded.
func (p Passages) step() int { return p.Words/4 + 1 }

// Fingerprints returns the recorded windows of a document's text.
func (p Passages) Fingerprints(doc uint64, text string, to []spill.Record) []spill.Record {
	w := words.NewWindow(p.Window())
	ring := make([]spill.Record, p.step())
	n, least := 0, -len(ring) // windows so far, and the place of the least among the last
	words.Each(text, func(h uint64, start, end int) bool {
		hash, first, ok := w.Add(h, start)
		if !ok {
			return true
		}
		ring[n%len(ring)] = spill.Record{
			Key: [2]uint64{hash}, Doc: doc, From: uint32(first), To: uint32(end),
		}
		before := least
		switch {
		case least <= n-len(ring): // it has left, and the new one is in its place; or there was none
			least = n
			for i := n - 1; i > max(n-len(ring), -1); i-- {
				if ring[i%len(ring)].Key[0] < ring[least%len(ring)].Key[0] {
					least = i
				}
			}
		case hash <= ring[least%len(ring)].Key[0]:
			least = n // of equal ones the last, so that fewer are recorded
		}
		n++
		if n >= len(ring) && (least != before || n == len(ring)) {
			to = append(to, ring[least%len(ring)])
		}
		return true
	})
	return to
}

// Mark finds repeated windows: fingerprints holds those of all documents, documents of which kept says
// no are passed over, and marks takes what Joined reads.
func (p Passages) Mark(fingerprints, marks *spill.Sorter, kept func(doc uint64) bool) error {
	var first spill.Record
	any := false
	for r, err := range fingerprints.Sorted() {
		if err != nil {
			return err
		}
		switch {
		case !kept(r.Doc):
		case !any || r.Key != first.Key:
			first, any = r, true
		case r.Doc != first.Doc: // a document may repeat itself
			if err := marks.Add(markOf(r, first.Doc)); err != nil {
				return err
			}
		}
	}
	return nil
}

// markOf is the record of a range of a document that repeats another, sorted by the range. Its From
// is the range's end.
func markOf(r spill.Record, first uint64) spill.Record {
	return spill.Record{Key: [2]uint64{r.Doc, uint64(r.From)}, Doc: first, From: r.To}
}

// Repeat is a part of a document, in bytes, that stands in an earlier document too.
type Repeat struct {
	Doc      uint64
	From, To uint32
	// First is the earlier document in which the part's beginning stands, NoDocument if that is any.
	First uint64
}

// NoDocument stands for a document that is not known.
const NoDocument = math.MaxUint64

// Joined streams what marks hold, ranges that overlap joined, in the order of documents.
func Joined(marks *spill.Sorter) iter.Seq2[Repeat, error] {
	return func(yield func(Repeat, error) bool) {
		var open Repeat
		any := false
		for r, err := range marks.Sorted() {
			if err != nil {
				yield(Repeat{}, err)
				return
			}
			next := Repeat{Doc: r.Key[0], From: uint32(r.Key[1]), To: r.From, First: r.Doc}
			if any && next.Doc == open.Doc && next.From <= open.To {
				open.To = max(open.To, next.To)
				continue
			}
			if any && !yield(open, nil) {
				return
			}
			open, any = next, true
		}
		if any {
			yield(open, nil)
		}
	}
}

// Cut returns a text without some of its parts. The white space that would be left double goes too.
func Cut(text string, repeats []Repeat) string {
	slices.SortFunc(repeats, func(a, b Repeat) int { return cmp.Compare(a.From, b.From) })
	var out []byte
	at := 0
	for _, r := range repeats {
		if int(r.To) <= at {
			continue
		}
		out = append(out, text[at:max(at, int(r.From))]...)
		at = int(r.To)
		for len(out) > 0 && isSpace(out[len(out)-1]) && at < len(text) && isSpace(text[at]) {
			at++
		}
	}
	return string(append(out, text[at:]...))
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
