// Package corpus reads the documents that questions are asked about: document datasets made by
// pipeline ingest, and whatever a pipeline source reads. It may be read again and again; its order
// and content do not change.
package corpus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"longlora/internal/store"
	"longlora/internal/store/cloud/dataset"
	"longlora/pipeline/source"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Material names documents.
type Material struct {
	// Source is "documents" for a document dataset, or a source of package pipeline/source.
	Source string `yaml:"source" json:"source"`
	// Path is a path or a URL; of a document dataset it may be pinned by @sha256:DIGEST.
	Path string `yaml:"path" json:"-"`
	// Licence and Language are those of documents that name none.
	Licence  string `yaml:"licence" json:"licence,omitempty"`
	Language string `yaml:"language" json:"language,omitempty"`
	// Genre is that of all documents; "" finds it out.
	Genre string `yaml:"genre" json:"genre,omitempty"`
	// Encoding is the character set of text files, as windows-1252; "" finds Unicode's out.
	Encoding string `yaml:"encoding" json:"encoding,omitempty"`
}

// Documents is the source of document datasets.
const Documents = "documents"

// Item is a document, or, with a Reason, an input that is none.
type Item struct {
	schemas.Document
	// Split is that of a document dataset's row, else "".
	Split          string
	Reason, Detail string
}

// Corpus is opened material.
type Corpus struct {
	Material
	// Config is what the documents depend on beside their content.
	Config map[string]any
	// Parent is the document dataset, nil for a source.
	Parent *schemas.Parent
	// Languages are what the source knows of its documents' languages.
	Languages []string

	each func(ctx context.Context) iter.Seq2[Item, error]
}

// Open opens material; stores says how URLs are reached.
func Open(ctx context.Context, m Material, stores store.Options) (*Corpus, error) {
	if m.Source == Documents && m.Encoding != "" {
		return nil, errors.New("material: documents are Unicode; an encoding is for sources of text files")
	}
	if m.Source == Documents {
		return openDataset(ctx, m, stores)
	}
	kind, err := source.Find(m.Source)
	if err != nil {
		return nil, fmt.Errorf("material: %w, %s", err, Documents)
	}
	if m.Encoding != "" && !kind.Encoding {
		return nil, fmt.Errorf("material: the source %s takes no encoding", m.Source)
	}
	s, err := kind.Open(ctx, source.Options{
		Path: m.Path, Licence: m.Licence, Language: m.Language, Fields: source.DefaultFields(),
		Encoding: m.Encoding, Stores: stores,
	})
	if errors.Is(err, source.ErrNoLicence) {
		err = fmt.Errorf("%w with --licence, or licence in the recipe", err)
	}
	if err != nil {
		return nil, fmt.Errorf("material %s: %w", m.Path, err)
	}
	c := &Corpus{Material: m, Config: s.Config(), Languages: s.Languages()}
	c.each = func(ctx context.Context) iter.Seq2[Item, error] { return readSource(ctx, s) }
	return c, nil
}

func openDataset(ctx context.Context, m Material, stores store.Options) (*Corpus, error) {
	d, err := dataset.Open(ctx, m.Path, dataset.Options{Stores: stores})
	if err != nil {
		return nil, fmt.Errorf("material: %w", err)
	}
	if k := d.Manifest().Kind; k != schemas.KindDocument {
		return nil, fmt.Errorf("material %s: it holds rows of kind %s, not %s; make documents with "+
			"pipeline ingest", m.Path, k, schemas.KindDocument)
	}
	c := &Corpus{Material: m, Parent: &schemas.Parent{
		Name: d.Manifest().Name, Digest: d.Manifest().Digest,
	}}
	c.each = func(ctx context.Context) iter.Seq2[Item, error] { return readDataset(ctx, d) }
	return c, nil
}

func readSource(ctx context.Context, s source.Source) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for u, err := range s.Units(ctx) {
			if err != nil {
				yield(Item{}, err)
				return
			}
			for it, err := range s.Read(ctx, u) {
				item := Item{Document: it.Document, Reason: it.Reason, Detail: it.Detail}
				if !yield(item, err) || err != nil {
					return
				}
			}
		}
	}
}

func readDataset(ctx context.Context, d *shard.Dataset) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for i, f := range d.Manifest().Files {
			for row, err := range shard.FileRows[schemas.Document](d, i) {
				if err == nil {
					err = ctx.Err()
				}
				if !yield(Item{Document: row, Split: f.Split}, err) || err != nil {
					return
				}
			}
		}
	}
}

// The reasons of inputs about which no question can be asked.
const (
	ReasonEmpty  = "no text"
	ReasonBinary = "binary data"
	ReasonShort  = "too short for a question"
)

// minDocument is the least length of a document, in code points.
const minDocument = 400

// Items streams the documents, each with what it lacks filled in or the reason why none is asked
// about.
func (c *Corpus) Items(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for it, err := range c.each(ctx) {
			if err == nil && it.Reason == "" {
				c.judge(&it)
			}
			if !yield(it, err) || err != nil {
				return
			}
		}
	}
}

// judge sets the reason of a document that is none, and the genre of one that is.
func (c *Corpus) judge(it *Item) {
	n := utf8.RuneCountInString(it.Text)
	odd := strings.Count(it.Text, "\x00") + strings.Count(it.Text, "\ufffd")
	switch {
	case strings.TrimSpace(it.Text) == "":
		it.Reason = ReasonEmpty
		it.Detail = "a PDF without a text layer needs OCR first, as by ocrmypdf"
		if !strings.HasPrefix(it.Source, "pdf") {
			it.Detail = "the document is empty"
		}
	case 50*odd > n:
		it.Reason = ReasonBinary
		it.Detail = fmt.Sprintf("%d of %d characters are none of a text; convert it to UTF-8", odd, n)
	case n < minDocument:
		it.Reason = ReasonShort
		it.Detail = fmt.Sprintf("%d characters, at least %d are needed", n, minDocument)
	}
	if it.Licence == "" {
		it.Licence = c.Licence
	}
	if it.Licence == "" && it.Reason == "" {
		it.Reason, it.Detail = source.ReasonNoLicence, "name it with --licence"
	}
	if (it.Language == "" || it.Language == "und") && c.Language != "" {
		it.Language = c.Language
	}
	if it.Title = strings.Join(strings.Fields(it.Title), " "); it.Title == "" {
		it.Title = it.DocID
	}
}

// ErrNoDocuments reports material without a document.
var ErrNoDocuments = errors.New("the material holds no document that a question can be asked about")
