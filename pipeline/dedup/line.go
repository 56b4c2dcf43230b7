package dedup

import (
	"strings"

	"github.com/zeebo/xxh3"

	"longlora/pipeline/spill"
)

// minLine is the least size, in bytes, of a line that can be a frame: shorter ones, as "Chapter 1" or
// "}", stand in many documents and belong there.
const minLine = 24

// LineRecords returns a record of every line of a document that is long enough, keyed by the line
// without white space around it and the document's source.
func LineRecords(doc uint64, source, text string, to []spill.Record) []spill.Record {
	key := xxh3.HashString(source)
	for at := 0; at < len(text); {
		end := strings.IndexByte(text[at:], '\n') + 1
		if end += at; end == at {
			end = len(text)
		}
		if line := strings.TrimSpace(text[at:end]); len(line) >= minLine {
			to = append(to, spill.Record{
				Key: [2]uint64{xxh3.HashString(line), key}, Doc: doc, From: uint32(at), To: uint32(end),
			})
		}
		at = end
	}
	return to
}

// MarkLines marks the lines that stand in at least least documents of their source, in all of them.
// Documents of which kept says no are passed over.
func MarkLines(lines, marks *spill.Sorter, least int, kept func(doc uint64) bool) error {
	var group []spill.Record // until it is known whether the line is marked
	var last spill.Record
	docs := 0 // with the line
	for r, err := range lines.Sorted() {
		if err != nil {
			return err
		}
		if !kept(r.Doc) {
			continue
		}
		if docs == 0 || r.Key != last.Key {
			group, docs = group[:0], 1
		} else if r.Doc != last.Doc {
			docs++
		}
		last = r
		group = append(group, r)
		if docs < least {
			continue
		}
		for _, r := range group {
			if err := marks.Add(markOf(r, NoDocument)); err != nil {
				return err
			}
		}
		group = group[:0]
	}
	return nil
}
