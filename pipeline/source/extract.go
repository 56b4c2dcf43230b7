package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"longlora/internal/store"
	"longlora/pipeline/charset"
	"longlora/pipeline/licence"
	"longlora/pipeline/page"
	"longlora/pipeline/pdf"
	"longlora/schemas"
)

// inMarkdown is the format of texts whose headings and tables are kept.
const inMarkdown = "markdown"

// The reasons of files that have no text to give.
const (
	ReasonEncrypted = "encrypted"
	ReasonScanned   = "no text layer"
	ReasonBroken    = "broken file"
	ReasonLimit     = "too much time or memory"
)

// extractSource reads a folder in which each file is a document, whose text may have to be taken out.
type extractSource struct {
	kind    string
	format  string // of the text, if it has structure
	o       Options
	files   store.Store
	origins map[string]Origin
	// extract fills in what a file says; a reason rejects it, an error ends the run.
	extract func(ctx context.Context, data []byte, it *Item) error
}

func openExtract(kind, format string,
	extract func(context.Context, []byte, *Item) error) func(context.Context, Options) (Source, error) {
	return func(ctx context.Context, o Options) (Source, error) {
		files, origins, err := openFiles(ctx, o)
		return &extractSource{kind, format, o, files, origins, extract}, err
	}
}

func openPDF(ctx context.Context, o Options) (Source, error) {
	r := pdf.NewReader(pdf.Options{})
	return openExtract("pdf", inMarkdown,
		func(ctx context.Context, data []byte, it *Item) error {
			return extractPDF(ctx, r, data, it)
		})(ctx, o)
}

func openHTML(ctx context.Context, o Options) (Source, error) {
	return openExtract("html", inMarkdown, extractHTML)(ctx, o)
}

func openMarkdown(ctx context.Context, o Options) (Source, error) {
	decode, err := decoder(o)
	if err != nil {
		return nil, err
	}
	return openExtract("markdown", inMarkdown, func(ctx context.Context, data []byte, it *Item) error {
		if err := decode(ctx, data, it); err != nil || it.Reason != "" {
			return err
		}
		readMarkdown(it)
		return nil
	})(ctx, o)
}

func (s *extractSource) Config() map[string]any { return fileConfig(s.o) }

// fileConfig is the Config of sources whose documents are files.
func fileConfig(o Options) map[string]any {
	c := map[string]any{"licence": o.Licence, "language": o.Language}
	if charset, err := charset.Find(o.Encoding); err == nil && o.Encoding != "" {
		c["encoding"] = charset.Name()
	}
	return c
}

func (s *extractSource) Languages() []string { return []string{s.o.Language} }

func (s *extractSource) Units(ctx context.Context) iter.Seq2[Unit, error] {
	return fileUnits(ctx, s.files, s.kind, whole)
}

func (s *extractSource) Read(ctx context.Context, u Unit) iter.Seq2[Item, error] {
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

func (s *extractSource) item(ctx context.Context, p Part) (Item, error) {
	origin := s.origins[p.Name]
	o := origin.of(s.o)
	it := Item{Document: schemas.Document{DocID: s.kind + ":" + p.Name, Source: s.kind}}
	if p.Problem != "" {
		it.Reason, it.Detail = ReasonUnreadable, p.Problem
		return it, nil
	}
	data, err := s.bytes(ctx, p.Name, &it)
	if err != nil && isReject(err) {
		it.Reason, it.Detail, err = ReasonUnreadable, store.Cause(err), nil
	}
	if err != nil || it.Reason != "" {
		return it, err
	}
	if s.format != "" {
		it.Meta = map[string]string{"format": s.format}
	}
	if err := s.extract(ctx, data, &it); err != nil || it.Reason != "" {
		return it, err
	}
	it.fillIn(origin, o, p.Name)
	it.judgeText()
	return it, nil
}

// namedLicence is the entry of Meta that keeps what a file names as its licence in its own words.
const namedLicence = "licence_named"

// fillIn takes from the corpus and the options what the file does not say. A licence that is no SPDX
// expression says less than those that name one.
func (it *Item) fillIn(origin Origin, o Options, name string) {
	if it.Licence != "" && !licence.IsExpression(it.Licence) {
		if o.Licence == "" {
			it.Reason = ReasonNoLicence
			it.Detail = fmt.Sprintf("it names %q, which is no SPDX expression; --licence says what counts",
				it.Licence)
			return
		}
		it.Meta[namedLicence], it.Licence = it.Licence, ""
	}
	for _, x := range []struct {
		to   *string
		from []string
	}{
		{&it.Title, []string{origin.Title, strings.TrimSuffix(path.Base(name), path.Ext(name))}},
		{&it.URL, []string{origin.URL}}, {&it.Language, []string{o.Language}},
		{&it.Licence, []string{o.Licence}},
	} {
		for _, v := range x.from {
			if *x.to == "" {
				*x.to = v
			}
		}
	}
	if it.Licence == "" {
		it.Reason, it.Detail = ReasonNoLicence, "neither it nor --licence nor "+OriginsName+" names one"
	}
}

// bytes reads a file, or says why it is too large.
func (s *extractSource) bytes(ctx context.Context, name string, it *Item) ([]byte, error) {
	r, err := s.files.Open(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size() > MaxDocument {
		it.Reason, it.Detail = ReasonTooLarge, tooLarge(r.Size())
		return nil, nil
	}
	data := make([]byte, r.Size())
	_, err = io.ReadFull(r, data)
	return data, err
}

func extractPDF(ctx context.Context, r *pdf.Reader, data []byte, it *Item) error {
	t, err := r.Read(ctx, data)
	reasons := []struct {
		err    error
		reason string
		way    string
	}{
		{pdf.ErrEncrypted, ReasonEncrypted, "; remove the password, as with qpdf --decrypt"},
		{pdf.ErrScanned, ReasonScanned, "; `ocrmypdf IN OUT` adds one"},
		{pdf.ErrUnmapped, ReasonScanned, "; `ocrmypdf --force-ocr IN OUT` reads its pictures"},
		{pdf.ErrBroken, ReasonBroken, ""},
		{pdf.ErrLimit, ReasonLimit, ""},
	}
	for _, x := range reasons {
		if errors.Is(err, x.err) {
			it.Reason, it.Detail = x.reason, err.Error()+x.way
			return nil
		}
	}
	if err != nil {
		return err
	}
	it.Title, it.Text = t.Title, t.Body
	it.Meta["pages"] = fmt.Sprint(t.Pages)
	return nil
}

func extractHTML(_ context.Context, data []byte, it *Item) error {
	if bytes.IndexByte(data, 0) >= 0 && !bytes.HasPrefix(data, []byte{0xff, 0xfe}) &&
		!bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		it.Reason, it.Detail = ReasonBroken, "it holds bytes of zero, as binary files do"
		return nil
	}
	p, err := page.Read(data)
	switch {
	case errors.Is(err, page.ErrNoText):
		it.Reason, it.Detail = ReasonNoText, err.Error()
	case err != nil:
		it.Reason, it.Detail = ReasonBroken, err.Error()
	}
	it.Title, it.Text, it.Language, it.URL, it.Licence = p.Title, p.Body, p.Language, p.URL, p.Licence
	return nil
}

// frontMatter is the YAML that may stand before a Markdown text.
var frontMatter = regexp.MustCompile(`(?s)^---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)`)

// firstHeading is a title in either of Markdown's forms.
var firstHeading = regexp.MustCompile(`(?m)^(?:# +(.+?)[ #]*|(.+)\r?\n=+[ \t]*)\r?$`)

// readMarkdown takes front matter off a text, and looks for its title.
func readMarkdown(it *Item) {
	if m := frontMatter.FindStringSubmatch(it.Text); m != nil {
		var front map[string]any
		if yaml.Unmarshal([]byte(m[1]), &front) == nil && front != nil { // else it is a rule and a text
			it.front(front)
			it.Text = it.Text[len(m[0]):]
		}
	}
	if m := firstHeading.FindStringSubmatch(it.Text); m != nil && it.Title == "" {
		it.Title = strings.TrimSpace(m[1] + m[2])
	}
}

// front takes what front matter says; the first of two names of one thing counts.
func (it *Item) front(values map[string]any) {
	for _, x := range []struct {
		name string
		to   *string
	}{
		{"title", &it.Title}, {"license", &it.Licence}, {"licence", &it.Licence},
		{"language", &it.Language}, {"lang", &it.Language}, {"url", &it.URL},
	} {
		if v, ok := values[x.name].(string); ok && *x.to == "" {
			*x.to = strings.TrimSpace(v)
		}
	}
}
