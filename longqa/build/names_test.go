package build

import (
	"path/filepath"
	"strings"
	"testing"

	"longlora/longqa/corpus"
	"longlora/longqa/faketree"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// writeDocuments makes a document dataset of texts, all of one split.
func writeDocuments(t *testing.T, texts []faketree.Text) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "documents")
	file := shardtest.File[schemas.Document]{Split: "train"}
	for _, x := range texts {
		d := schemas.Document{
			DocID: "text:" + x.ID, Source: "text", Title: x.Title, Text: x.Content, Language: x.Language,
			Licence: "CC0-1.0",
		}
		d.Seal()
		file.Rows = append(file.Rows, d)
	}
	shardtest.Write(t, dir, shard.Options{Kind: schemas.KindDocument, Name: "documents"}, file)
	return dir
}

// Two materials that name other texts alike keep both, a text that is in both once; what an id is
// depends on the documents alone.
func TestNames(t *testing.T) {
	all := faketree.Texts()[:6]
	other := []faketree.Text{all[0], all[3], all[4], all[5]}
	for i := 1; i < len(other); i++ {
		other[i].ID = all[i].ID // of another text
	}
	first, second := writeDocuments(t, all[:3]), writeDocuments(t, other)
	ids := map[string]map[string]bool{}
	for _, kind := range []string{corpus.Documents, "parquet"} {
		o := textOptions(t, nil)
		o.Recipe.Material = nil
		for _, dir := range []string{first, second} {
			m := corpus.Material{Source: kind, Path: dir}
			if kind != corpus.Documents {
				m.Path = filepath.Join(dir, "data")
			}
			o.Recipe.Material = append(o.Recipe.Material, Material{Material: m})
		}
		r := mustRun(t, o)
		mustAgree(t, o.Out)
		if n := r.Manifest.Rejected["duplicate document"]; n != 1 {
			t.Errorf("%s: rejected %v, want one duplicate document", kind, r.Manifest.Rejected)
		}
		ids[kind] = map[string]bool{}
		texts := map[string]string{}
		for row, err := range rowsOf(t, o.Out) {
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range row.DocIDs {
				ids[kind][id] = true
			}
			if len(row.DocIDs) == 1 {
				title := row.Meta["title"]
				if before, ok := texts[row.DocIDs[0]]; ok && before != title {
					t.Errorf("%s: %s is %q and %q", kind, row.DocIDs[0], before, title)
				}
				texts[row.DocIDs[0]] = title
			}
		}
	}
	for kind, got := range ids {
		plain, hashed := 0, 0
		for id := range got {
			if strings.Contains(id, "~") {
				hashed++
			} else {
				plain++
			}
		}
		if plain != 4 || hashed != 2 {
			t.Errorf("%s: ids %v, want 4 as they stand and 2 with a hash", kind, got)
		}
	}
}

// A material may be named twice, so that it is asked about in two ways.
func TestMaterialTwice(t *testing.T) {
	o := textOptions(t, nil)
	m := corpus.Material{Source: corpus.Documents, Path: writeDocuments(t, faketree.Texts()[:6])}
	o.Recipe.Material = []Material{
		{Material: m, Tasks: map[string]float64{"words": 1}},
		{Material: m, Tasks: map[string]float64{"passages": 1}},
	}
	r := mustRun(t, o)
	mustAgree(t, o.Out)
	if r.Manifest.Rejected["duplicate document"] > 0 {
		t.Errorf("rejected %v", r.Manifest.Rejected)
	}
	if r.Figures.Tasks["words"] == 0 || r.Figures.Tasks["passages"] == 0 {
		t.Errorf("tasks %v, want both", r.Figures.Tasks)
	}
}
