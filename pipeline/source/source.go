// Package source reads documents where they lie: folders of text, JSON lines, foreign Parquet files,
// git repositories, the Go tree and others.
//
// A source cuts its corpus into units, and reading a unit is a pure function of the unit and the
// corpus, so that units can be read in any order by any number of workers.
package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"longlora/internal/store"
	"longlora/pipeline/charset"
	"longlora/pipeline/licence"
	"longlora/schemas"
)

// Source is a corpus. Its methods may be called concurrently.
type Source interface {
	// Units cuts the corpus into units of work, in source order. It is a pure function of the corpus.
	Units(ctx context.Context) iter.Seq2[Unit, error]
	// Read hands out a unit's documents, in source order. It ends after an error.
	Read(ctx context.Context, u Unit) iter.Seq2[Item, error]
	// Config is what the documents depend on beside the content of the corpus; no paths.
	Config() map[string]any
	// Languages are the documents' languages as BCP 47 tags, as far as the source knows them.
	Languages() []string
}

// judgeText rejects a text of white space.
func (it *Item) judgeText() {
	if it.Reason == "" && strings.TrimSpace(it.Text) == "" {
		it.Text, it.Reason, it.Detail = "", ReasonNoText, "it is empty or white space"
	}
}

// Unit is a piece of a corpus that is read on its own.
type Unit struct {
	Parts []Part `json:"parts"`
	// Bytes is about what there is to read.
	Bytes int64 `json:"bytes"`
}

// Part is a file, or the half-open range [From, To) of one: bytes, row groups or documents, as the
// source counts. To 0 means the whole file.
type Part struct {
	Name string `json:"name"` // relative to the corpus, with slashes
	From int64  `json:"from"`
	To   int64  `json:"to"`
	// Problem says why the part cannot be read, if that showed when it was found.
	Problem string `json:"problem,omitempty"`
}

// Item is a document, or an input that is none.
type Item struct {
	// Document comes without NChars and SHA256. Its Text is UTF-8.
	schemas.Document
	// Reason says why the input named DocID is no document; empty: it is one. Detail belongs to it.
	Reason, Detail string
	// Within says that the input is a part of what another item is made of: it is listed with its reason
	// and is no input of its own.
	Within bool
}

// The reasons of inputs that are no documents.
const (
	ReasonUnreadable  = "unreadable"
	ReasonTooLarge    = "too large"
	ReasonInvalidUTF8 = "invalid UTF-8" // of a row; text files are charset.Reason
	ReasonBadJSON     = "bad JSON"
	ReasonNoText      = "no text"
	ReasonNoLicence   = "no licence"
)

// MaxDocument is the greatest size, in bytes, of a document that is read.
const MaxDocument = 256 << 20

// unitBytes is the size at which a unit is closed, unitParts the number of parts.
const (
	unitBytes = 32 << 20
	unitParts = 4096
)

// Options says what to read.
type Options struct {
	// Path is the file or folder of the corpus, or the URL of one in an object store.
	Path string
	// Stores says how URLs are reached.
	Stores store.Options
	// Licence is the SPDX expression of documents that name none themselves.
	Licence string
	// Language is the BCP 47 tag of documents that name none; empty means "und".
	Language string
	// Fields name the columns of JSON lines and Parquet files.
	Fields Fields
	// Encoding is the character set of text files, as package charset names it; empty means auto.
	Encoding string
	// Per says what becomes a document, of what the kind offers; empty means the first.
	Per string
	// Goroot, GOOS and GOARCH choose the Go tree and the build of the goroot source; all may be empty.
	Goroot, GOOS, GOARCH string
}

// Fields are the names under which rows hold what a document needs. In JSON, dots lead into objects.
type Fields struct {
	Text, ID, Title, Licence, URL, Language string
}

// DefaultFields are the usual names. Rows need only have the text.
func DefaultFields() Fields {
	return Fields{
		Text: "text", ID: "id", Title: "title", Licence: "licence", URL: "url", Language: "language",
	}
}

// Kind is a way of reading.
type Kind struct {
	Name, About string
	// Path says that the source reads Options.Path.
	Path bool
	// Licence says that Options.Licence is needed, because documents name none themselves.
	Licence bool
	// Suffixes are those of the files that the source reads in a folder; each belongs to one kind.
	Suffixes []string
	// Filters are the names of the filters that suit such documents.
	Filters []string
	// Encoding says that the source reads Options.Encoding, Per what Options.Per may be.
	Encoding bool
	Per      []string
	open     func(context.Context, Options) (Source, error)
}

// Kinds is the table of sources.
func Kinds() []Kind {
	prose, code := []string{"length", "repetition"}, []string{"length"}
	return []Kind{
		{
			Name: "text", About: "a folder of .txt files", Path: true, Licence: true, Filters: prose,
			Encoding: true, Suffixes: []string{".txt"},
			open: openText,
		},
		{
			Name: "jsonl", About: "JSON lines, also .gz and .zst", Path: true, Filters: prose,
			Suffixes: []string{
				".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst",
			},
			open: openJSONL,
		},
		{
			Name: "parquet", About: "Parquet files with a column of text", Path: true, Filters: prose,
			Suffixes: []string{".parquet"},
			open:     openParquet,
		},
		{
			Name: "arrow", About: "Arrow IPC files and streams with a column of text", Path: true,
			Filters: prose, Suffixes: []string{".arrow", ".arrows", ".feather", ".ipc"},
			open: openArrow,
		},
		{
			Name: "pdf", About: "PDF files with a text layer, in reading order", Path: true, Licence: true,
			Filters: prose, Suffixes: []string{".pdf", ".PDF"},
			open: openPDF,
		},
		{
			Name: "html", About: "web pages: their main text", Path: true, Filters: prose,
			Suffixes: []string{".html", ".htm", ".xhtml"}, open: openHTML,
		},
		{
			Name: "markdown", About: "Markdown files (.md) with front matter", Path: true, Filters: prose,
			Encoding: true, Suffixes: []string{".md", ".markdown"},
			open: openMarkdown,
		},
		{
			Name: "git", About: "git repositories at a revision (PATH@REVISION), imports first", Path: true,
			Filters: code, Encoding: true, Per: []string{perRepository, perDirectory}, open: openGit,
		},
		{
			Name: "gomod", About: "Go modules that a go.sum pins", Path: true, Filters: code,
			Per: []string{perModule, perPackage}, open: openGomod,
		},
		{
			Name: "goroot", About: "the Go tree: packages and long texts", Filters: code, open: openGoroot,
		},
	}
}

// Find returns the kind of the given name.
func Find(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("source %q is unknown; there are %s", name, strings.Join(names, ", "))
}

// ErrNoLicence reports a source whose documents have no licence and were given none.
var ErrNoLicence = errors.New("no licence: every document needs one; name it as an SPDX expression")

// Validate reports every problem at once.
func (k Kind) Validate(o Options) error {
	var errs []error
	if k.Path && o.Path == "" {
		errs = append(errs, fmt.Errorf("source %s needs a path", k.Name))
	}
	if k.Licence && o.Licence == "" && !k.saysLicences(o) {
		errs = append(errs, ErrNoLicence)
	}
	if o.Licence != "" && !licence.IsExpression(o.Licence) {
		errs = append(errs,
			fmt.Errorf("licence %q is no SPDX expression, as MIT or CC-BY-4.0", o.Licence))
	}
	if _, err := charset.Find(o.Encoding); err != nil {
		errs = append(errs, err)
	} else if o.Encoding != "" && !k.Encoding {
		errs = append(errs, fmt.Errorf("source %s finds the encoding itself and takes none", k.Name))
	}
	if o.Per != "" && !slices.Contains(k.Per, o.Per) {
		errs = append(errs, fmt.Errorf("source %s makes no document per %q%s", k.Name, o.Per,
			choices("; there are ", k.Per)))
	}
	return errors.Join(errs...)
}

// choices lists words after an introduction, if there are any.
func choices(introduction string, words []string) string {
	if len(words) == 0 {
		return ""
	}
	return introduction + strings.Join(words, ", ")
}

// saysLicences reports whether a corpus itself may say what its files come under.
func (k Kind) saysLicences(o Options) bool {
	path, ok := store.Local(o.Path)
	return !ok || hasOrigins(path)
}

// Open opens the corpus.
func (k Kind) Open(ctx context.Context, o Options) (Source, error) {
	if err := k.Validate(o); err != nil {
		return nil, fmt.Errorf("source %s: %w", k.Name, err)
	}
	if o.Language == "" {
		o.Language = "und"
	}
	if o.Per == "" && len(k.Per) > 0 {
		o.Per = k.Per[0]
	}
	s, err := k.open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", k.Name, err)
	}
	return s, nil
}
