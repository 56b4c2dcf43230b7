package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"longlora/pipeline/charset"
	"longlora/pipeline/licence"
)

// Options says how a commit becomes a document.
type Options struct {
	// Charset is that of the files; the zero value is UTF-8, or what a byte order mark says.
	Charset charset.Charset
	// Licence is the SPDX expression of files that come under no licence which is known; empty leaves
	// them out.
	Licence string
	// MaxBytes bounds the text.
	MaxBytes int64
}

// Document is the text of a commit, or of a folder at its top.
type Document struct {
	Text string
	// Licence is the SPDX expression of all licences of the files, which hold together.
	Licence string
	// Terms are the licence files that Licence comes from, by path.
	Terms []string
	Files int
	// LeftOut is what else is in the commit, by path.
	LeftOut []LeftOut
}

// ErrTooLarge reports a text beyond the bound.
var ErrTooLarge = errors.New("too much text")

// Document reads the files of the commit, or of what Directories names dir; "" means all.
func (r *Repository) Document(ctx context.Context, dir string, o Options) (d Document, err error) {
	defer recovered(&err)
	l, err := r.list(ctx, dir)
	if err != nil {
		return Document{}, err
	}
	attributes := r.attributes()
	terms, err := r.terms(ctx, l, dir)
	if err != nil {
		return Document{}, err
	}
	b := builder{
		repository: r, o: o, terms: terms, used: map[string]bool{}, document: Document{LeftOut: l.leftOut},
	}
	for _, e := range l.entries {
		if err := ctx.Err(); err != nil {
			return Document{}, err
		}
		if reason, out := leftOut(attributes, e.path); out {
			b.leaveOut(e.path, reason, ".gitattributes says so")
			continue
		}
		if err := b.add(e); err != nil {
			return Document{}, err
		}
	}
	return b.finish(), nil
}

// builder gathers the files of a document.
type builder struct {
	repository *Repository
	o          Options
	terms      map[string]terms
	used       map[string]bool // files of terms
	document   Document
	files      []*file
	bytes      int64
}

func (b *builder) leaveOut(name, reason, detail string) {
	b.document.LeftOut = append(b.document.LeftOut, LeftOut{name, reason, detail})
}

// add reads a file, or says why it is left out.
func (b *builder) add(e entry) error {
	data, err := b.repository.blob(e.hash, MaxFile)
	if large, ok := errors.AsType[errLarge](err); ok {
		b.leaveOut(e.path, ReasonTooLarge, large.Error())
		return nil
	}
	if err != nil {
		b.leaveOut(e.path, "missing object", missing(err))
		return nil
	}
	if reason, detail, out := leftOutContent(e.path, data); out {
		b.leaveOut(e.path, reason, detail)
		return nil
	}
	text, err := b.o.Charset.Decode(data)
	if err != nil {
		b.leaveOut(e.path, charset.Reason, err.Error())
		return nil
	}
	f := &file{path: e.path, text: text}
	if f.licence = b.licence(f); f.licence == "" {
		b.leaveOut(e.path, ReasonNoLicence, b.why(e.path))
		return nil
	}
	if l := languageOf(f.path); l != nil {
		f.imports = l.imports(f.path, f.text)
	}
	if b.bytes += int64(len(f.text) + len(f.path) + len(fileMark) + 2); b.bytes > b.o.MaxBytes {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, b.o.MaxBytes)
	}
	b.files = append(b.files, f)
	return nil
}

// fileMark begins the line that names a file.
const fileMark = "// file: "

func (b *builder) finish() Document {
	var text strings.Builder
	text.Grow(int(b.bytes))
	var licences []string
	for _, f := range order(b.files) {
		licences = append(licences, f.licence)
		text.WriteString(fileMark + f.path + "\n" + f.text)
		if !strings.HasSuffix(f.text, "\n") {
			text.WriteByte('\n')
		}
		f.text = ""
	}
	b.document.Text, b.document.Licence = text.String(), licence.All(licences)
	b.document.Files, b.document.Terms = len(b.files), slices.Sorted(maps.Keys(b.used))
	slices.SortFunc(b.document.LeftOut, func(x, y LeftOut) int { return comparePaths(x.Path, y.Path) })
	return b.document
}

// ownLicence is the mark by which a file names its licence (SPDX 3.0, annex on short identifiers).
var ownLicence = regexp.MustCompile(`SPDX-License-Identifier:[ \t]*([^\r\n]+)`)

// licence returns what a file comes under: what it says, or the files of terms in its folder or the
// nearest above, or what the options say; empty if that is not known.
func (b *builder) licence(f *file) string {
	if m := ownLicence.FindStringSubmatch(f.text[:min(len(f.text), headBytes)]); m != nil {
		for _, end := range []string{"*/", "-->", "#}", "--}}"} {
			m[1], _, _ = strings.Cut(m[1], end)
		}
		if s := strings.TrimSpace(m[1]); licence.IsExpression(s) {
			return s
		}
	}
	for _, dir := range above(f.path) {
		t, ok := b.terms[dir]
		if !ok {
			continue
		}
		if t.licence == "" {
			break
		}
		for _, name := range t.files {
			b.used[name] = true
		}
		return t.licence
	}
	return b.o.Licence
}

// why says why a file's licence is not known.
func (b *builder) why(name string) string {
	for _, dir := range above(name) {
		if t, ok := b.terms[dir]; ok {
			return t.why
		}
	}
	return "no file with terms stands in its folder or above"
}

// terms are the licences of a folder's files of terms, or why they are not known.
type terms struct {
	licence, why string
	files        []string
	ids          []string
}

// terms reads the files of terms of a listing, and of the top.
func (r *Repository) terms(ctx context.Context, l *listing, dir string) (map[string]terms, error) {
	entries := l.entries
	if dir != "" && dir != "." {
		top, err := r.list(ctx, ".")
		if err != nil {
			return nil, err
		}
		entries = slices.Concat(top.entries, entries)
	}
	all := map[string]terms{}
	for _, e := range entries {
		if licence.IsFile(path.Base(e.path)) && languageOf(e.path) == nil {
			all[path.Dir(e.path)] = r.with(all[path.Dir(e.path)], e)
		}
	}
	for in, t := range all {
		if t.why == "" {
			t.licence = licence.All(t.ids)
			all[in] = t
		}
	}
	return all, nil
}

// with adds a file of terms to those of its folder. One that is not known makes them all unknown.
func (r *Repository) with(t terms, e entry) terms {
	data, err := r.blob(e.hash, MaxFile)
	if err != nil {
		t.why = e.path + ": " + missing(err)
		return t
	}
	ids, why := licence.Identify(e.path, data)
	if why != "" {
		t.why = why
	}
	t.ids, t.files = append(t.ids, ids...), append(t.files, e.path)
	return t
}
