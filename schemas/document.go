package schemas

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Document is one text of a corpus with its origin.
type Document struct {
	// DocID is unique in its dataset and stable across runs and machines.
	DocID string `parquet:"doc_id" json:"doc_id"`
	// Source is the reader that found it, as "goroot", "text" or "jsonl".
	Source string `parquet:"source,dict" json:"source"`
	Title  string `parquet:"title" json:"title"`
	// Text is UTF-8 in Unicode NFC.
	Text string `parquet:"text" json:"text"`
	// Language is a BCP 47 tag, "und" if unknown.
	Language string `parquet:"language,dict" json:"language"`
	// Licence is an SPDX expression; it is mandatory.
	Licence string `parquet:"licence,dict" json:"licence"`
	// URL is where a person finds the document; it may be empty.
	URL string `parquet:"url" json:"url"`
	// SHA256 is that of Text, in lower-case hex.
	SHA256 string `parquet:"sha256" json:"sha256"`
	// NChars is the number of Unicode code points in Text.
	NChars int64             `parquet:"n_chars" json:"n_chars"`
	Meta   map[string]string `parquet:"meta,json" json:"meta"`
}

// Seal sets NChars and SHA256 to those of Text.
func (d *Document) Seal() {
	sum := sha256.Sum256([]byte(d.Text))
	d.NChars, d.SHA256 = int64(utf8.RuneCountInString(d.Text)), hex.EncodeToString(sum[:])
}

// Validate reports the first invariant that the document breaks.
func (d *Document) Validate() error {
	if d.DocID == "" {
		return errors.New("a document has no doc_id")
	}
	if d.Licence == "" {
		return fmt.Errorf("document %q has no licence", d.DocID)
	}
	if !utf8.ValidString(d.Text) {
		return fmt.Errorf("document %q: text is not UTF-8", d.DocID)
	}
	sealed := Document{Text: d.Text}
	sealed.Seal()
	if d.NChars != sealed.NChars {
		return fmt.Errorf("document %q: n_chars is %d, its text has %d", d.DocID, d.NChars, sealed.NChars)
	}
	if d.SHA256 != sealed.SHA256 {
		return fmt.Errorf("document %q: sha256 is %.12s…, that of its text %.12s…",
			d.DocID, d.SHA256, sealed.SHA256)
	}
	return nil
}
