package schemas

// Version is the schema version that this build writes. It reads every version from OldestVersion on.
//
//	1  files are checked as a whole
//	2  Blocks name each row group with its hash, so that one is read and checked alone
const (
	Version       = 2
	OldestVersion = 1
)

// ManifestName is the file that makes a directory a dataset.
const ManifestName = "manifest.json"

// Kind names the row type of a dataset.
type Kind string

// The row types.
const (
	KindDocument Kind = "document"
	KindExample  Kind = "example"
	KindSequence Kind = "sequence"
)

// Manifest describes a published dataset directory. It is written last.
type Manifest struct {
	SchemaVersion int              `json:"schema_version"`
	Kind          Kind             `json:"kind"`
	Name          string           `json:"name"`
	Digest        string           `json:"digest"` // sha256 over content, tokenizer and configuration
	Files         []File           `json:"files"`  // sorted by path
	Tokenizer     *TokenizerRef    `json:"tokenizer,omitempty"`
	Config        map[string]any   `json:"config"` // what the rows depend on; no clock, host, path or worker count
	ConfigDigest  string           `json:"config_digest"`
	Parents       []Parent         `json:"parents,omitempty"`
	Mixture       []MixturePart    `json:"mixture"`            // realised
	Lengths       []LengthBucket   `json:"lengths,omitempty"`  // of documents, contexts or packed documents
	Rejected      map[string]int64 `json:"rejected,omitempty"` // by reason
	Report        map[string]any   `json:"report,omitempty"`   // counts of what was cut or changed
	Companions    []Companion      `json:"companions,omitempty"`
}

// LengthBucket counts texts of at least From and less than To: tokens, or characters in a dataset of
// documents. To is twice From, except of the first, which is [0, 1).
type LengthBucket struct {
	From  int64 `json:"from"`
	To    int64 `json:"to"`
	Count int64 `json:"count"`
	Total int64 `json:"total"` // of their lengths
}

// Companion is a file beside the rows: of what did not become one, or a picture. The digest does not
// cover it.
type Companion struct {
	Path   string `json:"path"` // relative, with slashes
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Rows   int64  `json:"rows"` // or lines
}

// File is one Parquet file of a dataset.
type File struct {
	Path   string `json:"path"` // relative, with slashes
	Split  string `json:"split"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Rows   int64  `json:"rows"`
	Tokens int64  `json:"tokens"` // 0 for documents
	// Blocks are the file's row groups in their order: the first begins after the file's four magic
	// bytes, each other where the one before ends. Since version 2.
	Blocks []Block `json:"blocks,omitempty"`
}

// Block is a row group of a file: the unit that is read, checked by hash and decoded alone.
type Block struct {
	Rows   int64  `json:"rows"`
	Tokens int64  `json:"tokens"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// TokenizerRef names the tokenizer whose ids a dataset holds.
type TokenizerRef struct {
	Name      string `json:"name"`
	Digest    string `json:"digest"` // sha256 of the tokenizer file
	VocabSize int    `json:"vocab_size"`
}

// Parent is a dataset that this one was made from.
type Parent struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

// MixturePart is one source's realised share.
type MixturePart struct {
	Source  string `json:"source"`
	Licence string `json:"licence"`
	Rows    int64  `json:"rows"`
	Tokens  int64  `json:"tokens"`
}
