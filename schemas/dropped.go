package schemas

// Dropped is a document that did not become a row of a dataset, and why.
type Dropped struct {
	DocID    string `parquet:"doc_id" json:"doc_id"`
	Source   string `parquet:"source,dict" json:"source"`
	Title    string `parquet:"title" json:"title"`
	Text     string `parquet:"text" json:"text"`
	Language string `parquet:"language,dict" json:"language"`
	Licence  string `parquet:"licence,dict" json:"licence"`
	URL      string `parquet:"url" json:"url"`
	NChars   int64  `parquet:"n_chars" json:"n_chars"`
	// Reason is shared by many documents, Detail is the document's own.
	Reason string `parquet:"reason,dict" json:"reason"`
	Detail string `parquet:"detail" json:"detail"`
}
