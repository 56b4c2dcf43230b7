package schemas

// Document is one text of a corpus with its origin.
type Document struct {
	DocID    string // unique in its dataset, stable across runs and machines
	Source   string // the reader that found it, as "goroot", "text", "jsonl"
	Title    string
	Text     string // UTF-8, Unicode NFC
	Language string // BCP 47 tag, "und" if unknown
	Licence  string // SPDX expression; mandatory
	URL      string // where a person finds it; may be empty
	SHA256   string // of Text, lower-case hex
	NChars   int64  // Unicode code points in Text
	Meta     map[string]string
}
