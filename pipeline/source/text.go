package source

import (
	"context"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"unicode/utf8"

	"longlora/internal/store"
	"longlora/schemas"
)

// textSource reads a folder in which each file is a document.
type textSource struct {
	o       Options
	files   store.Store
	origins map[string]Origin
}

func openText(ctx context.Context, o Options) (Source, error) {
	files, origins, err := openFiles(ctx, o)
	return &textSource{o, files, origins}, err
}

func (s *textSource) Config() map[string]any {
	return map[string]any{"licence": s.o.Licence, "language": s.o.Language}
}

func (s *textSource) Languages() []string { return []string{s.o.Language} }

func (s *textSource) Units(ctx context.Context) iter.Seq2[Unit, error] {
	return fileUnits(ctx, s.files, []string{".txt", ".md"}, whole)
}

func (s *textSource) Read(ctx context.Context, u Unit) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, p := range u.Parts {
			if err := ctx.Err(); err != nil {
				yield(Item{}, err)
				return
			}
			it, err := s.item(ctx, p)
			if !yield(it, err) || err != nil {
				return
			}
		}
	}
}

func (s *textSource) item(ctx context.Context, p Part) (Item, error) {
	origin := s.origins[p.Name]
	o := origin.of(s.o)
	it := Item{Document: schemas.Document{
		DocID: "text:" + p.Name, Source: "text", Language: o.Language, Licence: o.Licence,
		Title: origin.Title, URL: origin.URL,
	}}
	if it.Title == "" {
		it.Title = strings.TrimSuffix(path.Base(p.Name), path.Ext(p.Name))
	}
	if !isLicence(o.Licence) {
		it.Reason, it.Detail = ReasonNoLicence, "neither --licence nor "+OriginsName+" names one"
		return it, nil
	}
	if p.Problem != "" {
		it.Reason, it.Detail = ReasonUnreadable, p.Problem
		return it, nil
	}
	var err error
	it.Text, it.Reason, it.Detail, err = readText(ctx, s.files, p.Name)
	if err != nil && isReject(err) {
		it.Reason, it.Detail, err = ReasonUnreadable, store.Cause(err), nil
	}
	return it, err
}

// readText reads a file of UTF-8, without its byte order mark.
func readText(ctx context.Context, files store.Store, name string) (text, reason, detail string,
	err error) {
	r, err := files.Open(ctx, name, 0)
	if err != nil {
		return "", "", "", err
	}
	defer r.Close()
	if r.Size() > MaxDocument {
		return "", ReasonTooLarge, tooLarge(r.Size()), nil
	}
	data := make([]byte, r.Size())
	if _, err := io.ReadFull(r, data); err != nil {
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
