package schemas

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
	Meta   map[string]string `parquet:"meta" json:"meta"`
}
