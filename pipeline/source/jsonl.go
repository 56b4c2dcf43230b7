package source

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"longlora/internal/store"
	"longlora/pipeline/charset"
	"longlora/pipeline/inflate"
	"longlora/schemas"
)

// jsonlSource reads files in which each line is an object with the fields of a document.
type jsonlSource struct {
	o       Options
	files   store.Store
	origins map[string]Origin
}

func openJSONL(ctx context.Context, o Options) (Source, error) {
	if o.Fields.Text == "" {
		return nil, errors.New("the text field has no name")
	}
	files, origins, err := openFiles(ctx, o)
	return &jsonlSource{o, files, origins}, err
}

func (s *jsonlSource) Config() map[string]any { return rowConfig(s.o) }

func (s *jsonlSource) Languages() []string { return []string{s.o.Language} }

// Units cuts plain files into ranges of bytes; a line belongs to the range in which it begins.
// Compressed files cannot be cut.
func (s *jsonlSource) Units(ctx context.Context) iter.Seq2[Unit, error] {
	return fileUnits(ctx, s.files, "jsonl", func(f store.File) iter.Seq2[Part, int64] {
		if inflate.Is(f.Name) || f.Size <= unitBytes {
			return whole(f)
		}
		return func(yield func(Part, int64) bool) {
			for from := int64(0); from < f.Size; from += unitBytes {
				to := min(from+unitBytes, f.Size)
				if !yield(Part{Name: f.Name, From: from, To: to}, to-from) {
					return
				}
			}
		}
	})
}

func (s *jsonlSource) Read(ctx context.Context, u Unit) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, p := range u.Parts {
			if p.Problem != "" {
				if !yield(unreadable("jsonl:"+p.Name, p.Problem), nil) {
					return
				}
				continue
			}
			more, err := s.readPart(ctx, p, yield)
			if err != nil {
				yield(Item{}, fmt.Errorf("read %s: %w", p.Name, err))
				return
			}
			if !more {
				return
			}
		}
	}
}

func unreadable(id, detail string) Item {
	return Item{Document: schemas.Document{DocID: id}, Reason: ReasonUnreadable, Detail: detail}
}

// readPart yields the documents of a part; more is false if the reader has had enough.
func (s *jsonlSource) readPart(ctx context.Context, p Part,
	yield func(Item, error) bool) (more bool, err error) {
	f, err := s.files.Open(ctx, p.Name, max(p.From-1, 0))
	if err != nil && isReject(err) {
		return yield(unreadable("jsonl:"+p.Name, store.Cause(err)), nil), nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	r, err := inflate.Reader(p.Name, f)
	if err != nil {
		return false, fmt.Errorf("%w; repair or remove the file", err)
	}
	defer r.Close()
	lines := newLineReader(r, p.From, MaxDocument)
	lines.end = p.To
	if p.From > 0 { // the line that the byte before belongs to is the range before's
		if err := lines.skip(); err != nil {
			return errors.Is(err, io.EOF), eofIsNil(err)
		}
	}
	for p.To == 0 || lines.at < p.To {
		it, ok, err := s.next(p, lines)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return true, eofIsNil(err)
		}
		if ok && !yield(it, nil) {
			return false, nil
		}
	}
	return true, nil
}

// next makes an item of the next line; ok is false if it is empty. At the end the error is io.EOF.
func (s *jsonlSource) next(p Part, lines *lineReader) (it Item, ok bool, err error) {
	start := lines.at
	line, err := lines.next()
	it.DocID = fmt.Sprintf("jsonl:%s@%d", p.Name, start)
	switch {
	case errors.Is(err, errLongLine):
		it.Reason = ReasonTooLarge
		it.Detail = fmt.Sprintf("a line of more than %d bytes", int64(MaxDocument))
	case errors.Is(err, io.EOF):
		return it, false, err
	case err != nil:
		return it, false, fmt.Errorf("at byte %d of its content: %w; repair or remove the file", start, err)
	case len(bytes.TrimSpace(line)) == 0:
		return it, false, nil
	default:
		s.fill(&it, p.Name, line)
	}
	return it, true, nil
}

func eofIsNil(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// fill reads a line into a document, or says why it is none.
func (s *jsonlSource) fill(it *Item, file string, line []byte) {
	if at := charset.InvalidUTF8(line); at >= 0 {
		it.Reason, it.Detail = ReasonInvalidUTF8, fmt.Sprintf("byte %#02x at %d of the line", line[at], at)
		return
	}
	var object map[string]json.RawMessage
	err := json.Unmarshal(line, &object)
	if err == nil && object == nil {
		err = errors.New("null is no object")
	}
	if err != nil {
		it.Reason, it.Detail = ReasonBadJSON, err.Error()
		return
	}
	fillRow(it, s.origins[file].of(s.o), "jsonl", func(field string) (string, bool) { return jsonField(object, field) })
}

// jsonField returns a field as text: a string, or a number as it is written. Dots lead into objects.
func jsonField(object map[string]json.RawMessage, name string) (string, bool) {
	raw, ok := object[name]
	if !ok {
		outer, inner, nested := strings.Cut(name, ".")
		var next map[string]json.RawMessage
		if !nested || json.Unmarshal(object[outer], &next) != nil {
			return "", false
		}
		return jsonField(next, inner)
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, string(raw) != "null"
	}
	var number json.Number
	if json.Unmarshal(raw, &number) == nil {
		return number.String(), true
	}
	return "", false
}

// errLongLine reports a line that was skipped because it is longer than the limit.
var errLongLine = errors.New("line too long")

// lineReader reads lines of bounded length.
type lineReader struct {
	r     *bufio.Reader
	at    int64 // of the next line
	limit int
	line  []byte
	// end, if it is not 0, is the place from which on lines that are passed over need not be read to
	// their ends: no line is read that begins there.
	end int64
}

// newLineReader returns a reader whose first line begins at the given place; a reader of a later part
// of a file begins one byte before it.
func newLineReader(r io.Reader, at int64, limit int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 1<<16), at: max(at-1, 0), limit: limit}
}

// next returns the next line without its end; it is valid until the next call. A line that is too
// long is passed over and errLongLine returned. The last line may have no end.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.line[:0]
	long := false
	for read := 0; ; {
		piece, err := l.r.ReadSlice('\n')
		l.at += int64(len(piece))
		read += len(piece)
		if long = long || len(l.line)+len(piece) > l.limit; !long {
			l.line = append(l.line, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && long && l.isPast():
			return nil, errLongLine
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && read > 0:
		case err != nil:
			return nil, err
		}
		if long {
			return nil, errLongLine
		}
		return bytes.TrimRight(l.line, "\r\n"), nil
	}
}

// isPast reports that nothing that is read from here on is wanted.
func (l *lineReader) isPast() bool { return l.end > 0 && l.at >= l.end }

// skip passes over the rest of a line, or of what is wanted.
func (l *lineReader) skip() error {
	for read := false; ; read = true {
		piece, err := l.r.ReadSlice('\n')
		l.at += int64(len(piece))
		read = read || len(piece) > 0
		switch {
		case err == nil || errors.Is(err, bufio.ErrBufferFull) && l.isPast() || errors.Is(err, io.EOF) && read:
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
