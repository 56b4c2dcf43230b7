package ingest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"longlora/pipeline/dedup"
	"longlora/pipeline/spill"
	"longlora/schemas"
)

// repeatCounts is what was cut or marked.
type repeatCounts struct {
	Documents int64 `json:"documents"`
	Passages  int64 `json:"passages"`
	Lines     int64 `json:"lines"`
	Bytes     int64 `json:"bytes"` // that were cut
}

func (c *repeatCounts) add(o repeatCounts) {
	c.Documents += o.Documents
	c.Passages += o.Passages
	c.Lines += o.Lines
	c.Bytes += o.Bytes
}

// repeatFile holds the repeated parts of all documents, in source order.
type repeatFile struct {
	file *os.File
	at   []int64 // where each unit's begin, and the end
}

// repeatBytes is the size of a part in the file: its document's number in the unit, its bytes and the
// document that has it too.
const repeatBytes = 4 + 4 + 4 + 8

// findRepeats looks for repeated passages and lines among the documents that are kept.
func (f *fates) findRepeats(ctx context.Context, o Options, s *scanned) (err error) {
	kept := func(doc uint64) bool { return f.kept(s.place(doc)) }
	if s.passages != nil {
		marks := spill.NewSorter(s.scratch, "passage-marks", o.SortMemory)
		if err := o.Passages.Mark(s.passages, marks, kept); err != nil {
			return err
		}
		f.passages, err = writeRepeats(ctx, s, "passages", dedup.Joined(marks))
		if err != nil {
			return err
		}
	}
	if s.lines == nil {
		return nil
	}
	marks := spill.NewSorter(s.scratch, "line-marks", o.SortMemory)
	if err := dedup.MarkLines(s.lines, marks, o.RepeatedLines, kept); err != nil {
		return err
	}
	f.lines, err = writeRepeats(ctx, s, "lines", dedup.Joined(marks))
	return err
}

// place returns the number, in source order, of a document that is named by unit and place in it.
func (s *scanned) place(doc uint64) int { return s.first[doc>>32] + int(uint32(doc)) }

func writeRepeats(ctx context.Context, s *scanned, name string,
	repeats iter.Seq2[dedup.Repeat, error]) (*repeatFile, error) {
	file, err := os.Create(filepath.Join(s.scratch, name+".repeats"))
	if err != nil {
		return nil, err
	}
	f := &repeatFile{file: file}
	w := bufio.NewWriterSize(file, bufferBytes)
	n := int64(0)
	var b [repeatBytes]byte
	for r, err := range repeats {
		for len(f.at) <= int(r.Doc>>32) {
			f.at = append(f.at, n*repeatBytes)
		}
		first := r.First
		if first != dedup.NoDocument {
			first = uint64(s.place(first))
		}
		binary.LittleEndian.PutUint32(b[0:], uint32(r.Doc))
		binary.LittleEndian.PutUint32(b[4:], r.From)
		binary.LittleEndian.PutUint32(b[8:], r.To)
		binary.LittleEndian.PutUint64(b[12:], first)
		if err == nil {
			_, err = w.Write(b[:])
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		n++
	}
	for len(f.at) <= len(s.entries) {
		f.at = append(f.at, n*repeatBytes)
	}
	if err := w.Flush(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

// unit returns a reader of a unit's parts; nil if there is no file.
func (f *repeatFile) unit(unit int) *repeatReader {
	if f == nil {
		return nil
	}
	section := io.NewSectionReader(f.file, f.at[unit], f.at[unit+1]-f.at[unit])
	return &repeatReader{r: bufio.NewReaderSize(section, 1<<14)}
}

func (f *repeatFile) close() error {
	if f == nil {
		return nil
	}
	return f.file.Close()
}

// repeatReader reads the parts of a unit's documents one document after another.
type repeatReader struct {
	r    *bufio.Reader
	next dedup.Repeat // of the unit's document next.Doc
	any  bool
}

// of returns the parts of a document; documents must be asked for in order.
func (r *repeatReader) of(doc int) (parts []dedup.Repeat, err error) {
	for r != nil {
		if !r.any {
			var b [repeatBytes]byte
			if _, err := io.ReadFull(r.r, b[:]); errors.Is(err, io.EOF) {
				return parts, nil
			} else if err != nil {
				return nil, err
			}
			r.next = dedup.Repeat{
				Doc:  uint64(binary.LittleEndian.Uint32(b[0:])),
				From: binary.LittleEndian.Uint32(b[4:]), To: binary.LittleEndian.Uint32(b[8:]),
				First: binary.LittleEndian.Uint64(b[12:]),
			}
			r.any = true
		}
		if int(r.next.Doc) > doc {
			return parts, nil
		}
		if int(r.next.Doc) == doc {
			parts = append(parts, r.next)
		}
		r.any = false
	}
	return nil, nil
}

// repeats cuts a document's repeated lines, and cuts or marks its repeated passages.
func (w *unitWriter) repeats(local int, d *schemas.Document) error {
	passages, err := w.passages.of(local)
	if err != nil {
		return err
	}
	lines, err := w.lines.of(local)
	if err != nil || len(passages)+len(lines) == 0 {
		return err
	}
	w.counts.Repeats.add(repeatCounts{1, int64(len(passages)), int64(len(lines)), 0})
	cuts := lines
	if w.o.MarkPassages {
		for _, p := range passages {
			first, err := w.f.index.id(int(p.First))
			if err != nil {
				return err
			}
			setMeta(d, "repeated_passages", fmt.Sprintf("%d-%d:%s", p.From, p.To,
				strings.ReplaceAll(first, " ", "%20")))
		}
	} else {
		cuts = append(cuts, passages...)
	}
	if len(cuts) == 0 {
		return nil
	}
	text := dedup.Cut(d.Text, cuts)
	w.counts.Repeats.Bytes += int64(len(d.Text) - len(text))
	d.Text = text
	d.Seal()
	setMeta(d, "cut", fmt.Sprintf("passages:%d lines:%d", len(passages), len(lines)))
	return nil
}
