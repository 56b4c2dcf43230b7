package source

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"longlora/schemas"
)

// textSource reads a folder in which each file is a document.
type textSource struct{ o Options }

func openText(_ context.Context, o Options) (Source, error) { return &textSource{o}, nil }

func (s *textSource) Config() map[string]any {
	return map[string]any{"licence": s.o.Licence, "language": s.o.Language}
}

func (s *textSource) Languages() []string { return []string{s.o.Language} }

func (s *textSource) Units(ctx context.Context) iter.Seq2[Unit, error] {
	return fileUnits(ctx, s.o.Path, []string{".txt", ".md"}, whole)
}

func (s *textSource) Read(ctx context.Context, u Unit) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, p := range u.Parts {
			if err := ctx.Err(); err != nil {
				yield(Item{}, err)
				return
			}
			if !yield(s.item(p), nil) {
				return
			}
		}
	}
}

func (s *textSource) item(p Part) Item {
	it := Item{Document: schemas.Document{
		DocID: "text:" + p.Name, Source: "text", Language: s.o.Language, Licence: s.o.Licence,
		Title: strings.TrimSuffix(path.Base(p.Name), path.Ext(p.Name)),
	}}
	if p.Problem != "" {
		it.Reason, it.Detail = ReasonUnreadable, p.Problem
		return it
	}
	name, err := locate(s.o.Path, p.Name)
	if err == nil {
		it.Text, it.Reason, it.Detail, err = readText(name)
	}
	if err != nil {
		it.Reason, it.Detail = ReasonUnreadable, cause(err)
	}
	return it
}

// readText reads a file of UTF-8, without its byte order mark.
func readText(name string) (text, reason, detail string, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", "", "", err
	}
	if info.Size() > MaxDocument {
		return "", ReasonTooLarge, tooLarge(info.Size()), nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", "", "", err
	}
	if at := invalidUTF8(data); at >= 0 {
		return "", ReasonInvalidUTF8, fmt.Sprintf("byte %#02x at %d", data[at], at), nil
	}
	return strings.TrimPrefix(string(data), "\ufeff"), "", "", nil
}

func tooLarge(size int64) string {
	return fmt.Sprintf("%d bytes, at most %d are read", size, int64(MaxDocument))
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
