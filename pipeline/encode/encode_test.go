package encode

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
	"longlora/pipeline/limit"
	"longlora/pipeline/pack"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// documents builds a dataset of documents; every fifth is in the test split.
func documents(t *testing.T, texts ...string) *shard.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "docs")
	var files []shardtest.File[schemas.Document]
	for i, text := range texts {
		split := "train"
		if i%5 == 4 {
			split = "test"
		}
		doc := schemas.Document{DocID: fmt.Sprint("doc-", i), Source: "s", Licence: "MIT", Text: text}
		doc.Seal()
		files = append(files, shardtest.File[schemas.Document]{
			Split: split, Rows: []schemas.Document{doc},
		})
	}
	o := shard.Options{Kind: schemas.KindDocument, Name: "docs"}
	return shardtest.Write(t, dir, o, files...)
}

func texts(n int) (all []string) {
	for i := range n {
		all = append(all, strings.Repeat(fmt.Sprintf("Text number %d, and more. ", i), 1+7*i%50))
	}
	return all
}

func options(t *testing.T, d *shard.Dataset) Options {
	t.Helper()
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Out: filepath.Join(t.TempDir(), "seq"), Name: "test", Documents: d, Tokenizer: tok,
		Pack: pack.Options{Context: 64}, MaxDropped: limit.Share(1), MaxCut: limit.Share(1),
	}
}

func encode(t *testing.T, o Options) *shard.Dataset {
	t.Helper()
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	d, err := shard.Open(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	return d
}

// unpack puts the pieces of every document together again.
func unpack(t *testing.T, d *shard.Dataset, split string) map[string][]int32 {
	t.Helper()
	docs := map[string][]int32{}
	for s, err := range shard.Rows[schemas.Sequence](d, split) {
		if err != nil {
			t.Fatal(err)
		}
		at := int32(0)
		for i, n := range s.DocLens {
			ref := s.Docs[i]
			ids := docs[ref.SampleID]
			for int64(len(ids)) < ref.End {
				ids = append(ids, -1)
			}
			copy(ids[ref.Start:ref.End], s.InputIDs[at:at+n])
			docs[ref.SampleID] = ids
			at += n
		}
	}
	return docs
}

func TestNoTokenIsLost(t *testing.T) {
	all := texts(30)
	o := options(t, documents(t, all...))
	for _, packing := range []string{"best-fit", "concat"} {
		o.Pack.Packing, o.Out = packing, filepath.Join(t.TempDir(), packing)
		d := encode(t, o)
		got := unpack(t, d, "")
		eos, ok := o.Tokenizer.EOS()
		if !ok {
			t.Fatal("the default tokenizer has no EOS")
		}
		for i, text := range all {
			want := append(o.Tokenizer.Encode(nil, text, true), eos)
			if id := fmt.Sprint("doc-", i); !reflect.DeepEqual(got[id], want) {
				t.Errorf("%s: %s is %v, want %v", packing, id, got[id], want)
			}
		}
	}
}

func TestSpecialTokens(t *testing.T) {
	o := options(t, documents(t, texts(1)...))
	plain := o.Tokenizer.Encode(nil, texts(1)[0], false)
	bos, _ := o.Tokenizer.BOS()
	eos, _ := o.Tokenizer.EOS()
	for _, c := range []struct{ noBOS, noEOS bool }{
		{false, false}, {false, true}, {true, false}, {true, true},
	} {
		o.NoBOS, o.NoEOS, o.Overwrite = c.noBOS, c.noEOS, true
		var want []int32
		if !c.noBOS {
			want = append(want, bos)
		}
		want = append(want, plain...)
		if !c.noEOS {
			want = append(want, eos)
		}
		if got := unpack(t, encode(t, o), "")["doc-0"]; !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: got %v, want %v", c, got, want)
		}
	}
}

func TestNoDocumentEndsTwice(t *testing.T) {
	o := options(t, documents(t, texts(1)...))
	tok := o.Tokenizer
	w := worker{o: Tokens{Tokenizer: tok}, encoder: tok.NewEncoder()}
	eos, _ := tok.EOS()
	text, _ := tok.Token(eos)
	var ids []int32
	w.encode("some text"+text, func(piece []int32) { ids = append(ids, piece...) })
	if n := len(ids); ids[n-1] != eos || ids[n-2] == eos {
		t.Errorf("a text that ends in EOS is %v", ids)
	}
}

func TestWorkersDoNotMatter(t *testing.T) {
	o := options(t, documents(t, texts(40)...))
	var want map[string]string
	for _, workers := range []int{1, 2, 5} {
		o.Workers, o.Overwrite = workers, true
		if got := shardtest.Contents(t, encode(t, o).Dir()); want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%d workers give other bytes than one", workers)
		}
	}
}

func TestManifest(t *testing.T) {
	docs := documents(t, texts(20)...)
	o := options(t, docs)
	o.Splits = []string{"test"}
	d := encode(t, o)
	m := d.Manifest()
	if !reflect.DeepEqual(d.Splits(), []string{"test"}) {
		t.Errorf("splits %v", d.Splits())
	}
	if len(m.Parents) != 1 || m.Parents[0].Digest != docs.Manifest().Digest {
		t.Errorf("parents %v", m.Parents)
	}
	if m.Tokenizer.Digest != o.Tokenizer.Digest() || m.Tokenizer.VocabSize != o.Tokenizer.VocabSize() {
		t.Errorf("tokenizer %+v", m.Tokenizer)
	}
	carried, err := tokenizer.Open(d.TokenizerPath())
	if err != nil || carried.Digest() != o.Tokenizer.Digest() {
		t.Errorf("the dataset carries another tokenizer (%v)", err)
	}
	if len(m.Mixture) != 1 || m.Mixture[0].Licence != "MIT" || m.Mixture[0].Source != "s" {
		t.Errorf("mixture %v", m.Mixture)
	}
	report := m.Report["packing"].(map[string]any)
	if report["documents"] != 4.0 || report["tokens"] != report["packed_tokens"] {
		t.Errorf("report %v", report)
	}
}

func TestLimits(t *testing.T) {
	docs := documents(t, append(texts(9), "", strings.Repeat("too long ", 100))...)
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"dropped": {func(o *Options) {
			o.NoBOS, o.NoEOS, o.MaxDropped = true, true, limit.Limit{}
		}, "1 of 11 documents were dropped (no target: 1), and the limit is 0"},
		"cut": {func(o *Options) {
			o.Pack.OverLength, o.MaxCut = "head", limit.Share(0.1)
		}, "documents lost tokens (over-length: head: "},
		"error": {func(o *Options) { o.Pack.OverLength = "error" }, "are more than the context of 64"},
		"none": {func(o *Options) {
			o.NoBOS, o.NoEOS, o.Pack.OverLength, o.Pack.Context = true, true, "drop", 2
		}, "no sequence is left of 11 documents"},
		"split":   {func(o *Options) { o.Splits = []string{"dev"} }, `split "dev" is not in`},
		"context": {func(o *Options) { o.Pack.Context = 1 }, "context 1 is below 2"},
	} {
		o := options(t, docs)
		c.change(&o)
		_, err := Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if left, err := os.ReadDir(filepath.Dir(o.Out)); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind %v, %v", name, left, err)
		}
	}
}

func TestOnlyDocumentsAreEncoded(t *testing.T) {
	o := options(t, documents(t, texts(5)...))
	sequences := encode(t, o)
	o.Documents, o.Out = sequences, filepath.Join(t.TempDir(), "again")
	_, err := Run(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), "kind sequence") {
		t.Errorf("got %v", err)
	}
}
