package shard

import (
	"bytes"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"longlora/schemas"
)

// earlyExample has the columns that examples had before turns.
type earlyExample struct {
	ID            string            `parquet:"id"`
	DocIDs        []string          `parquet:"doc_ids,list"`
	Genre         string            `parquet:"genre,dict"`
	Task          string            `parquet:"task,dict"`
	Instruction   string            `parquet:"instruction"`
	Context       string            `parquet:"context"`
	Output        string            `parquet:"output"`
	Evidence      []schemas.Span    `parquet:"evidence,list"`
	AnswerSource  string            `parquet:"answer_source,dict"`
	Licence       string            `parquet:"licence,dict"`
	NTokens       int32             `parquet:"n_tokens"`
	Split         string            `parquet:"split,dict"`
	QuestionFirst bool              `parquet:"question_first"`
	Meta          map[string]string `parquet:"meta,json"`
}

// A file without a column that was added later is read as one without a value; one without another
// column is refused.
func TestLateColumns(t *testing.T) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[earlyExample](&b)
	_, err := w.Write([]earlyExample{{
		ID: "a", DocIDs: []string{"d"}, Context: "c", Evidence: []schemas.Span{{Start: 0, End: 1}},
		Licence: "MIT", NTokens: 3, QuestionFirst: true, Meta: map[string]string{"k": "v"},
	}})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	d := &Dataset{manifest: &schemas.Manifest{Kind: schemas.KindExample}}
	if err := d.checkColumns(f); err != nil {
		t.Fatal(err)
	}
	rows := make([]schemas.Example, 1)
	r := parquet.NewGenericReader[schemas.Example](f)
	if n, _ := r.Read(rows); n != 1 { // the end of the file comes with the row
		t.Fatalf("%d rows", n)
	}
	e := rows[0]
	if e.ID != "a" || e.DocIDs[0] != "d" || e.Evidence[0].End != 1 || !e.QuestionFirst ||
		e.NTokens != 3 || e.Meta["k"] != "v" || len(e.Turns) != 0 {
		t.Errorf("row %+v", e)
	}
	d.manifest.Kind = schemas.KindDocument
	if err := d.checkColumns(f); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("another kind: %v", err)
	}
}
