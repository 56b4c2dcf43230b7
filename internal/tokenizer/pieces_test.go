package tokenizer

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// SentencePiece learns the same pieces in the same order.
func TestTrainedPiecesAreSentencePieces(t *testing.T) {
	var golden struct {
		Lines  []string
		Models []struct {
			Name    string
			Options PieceOptions
			Pieces  []string
		}
	}
	if err := readGolden("trained.json", &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Models) < 6 {
		t.Fatalf("%d models, want 6 at least", len(golden.Models))
	}
	for _, m := range golden.Models {
		docs := []string{strings.Join(golden.Lines[5:], "\r\n"), strings.Join(golden.Lines[:5], "\n") + "\n"}
		p, err := TrainPieces(slices.Values(docs), m.Options)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		got := p.vocab()
		for i := range max(len(got), len(m.Pieces)) {
			if i >= len(got) || i >= len(m.Pieces) || got[i] != m.Pieces[i] {
				t.Errorf("%s: %d pieces %q, want %d %q from id %d on", m.Name, len(got),
					got[min(i, len(got)):min(i+5, len(got))], len(m.Pieces),
					m.Pieces[min(i, len(m.Pieces)):min(i+5, len(m.Pieces))], i)
				break
			}
		}
	}
}

// The two files of one training are the same tokenizer, but where JSON says so.
func TestTrainedFilesAgree(t *testing.T) {
	for name, o := range map[string]PieceOptions{
		"bytes":    {VocabSize: 420, Special: []string{"<s>", "</s>"}, BOS: "<s>", User: []string{"<l>", "fox"}},
		"no bytes": {VocabSize: 200, NoBytes: true, Coverage: 0.9},
		"all":      {VocabSize: 500, Coverage: 1, Special: []string{"</s>"}, JoinDigits: true, MinFrequency: 1},
	} {
		p, err := TrainPieces(slices.Values(trainTexts), o)
		if err != nil {
			t.Fatal(err)
		}
		data, err := p.JSON()
		if err != nil {
			t.Fatal(err)
		}
		a, err := Parse("trained.json", data)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse("trained.model", p.Model())
		if err != nil {
			t.Fatal(err)
		}
		if a.VocabSize() != p.Size() || b.VocabSize() != p.Size() || p.Size() > o.VocabSize {
			t.Errorf("%s: vocabularies of %d and %d, want %d", name, a.VocabSize(), b.VocabSize(), p.Size())
		}
		r := rand.New(rand.NewPCG(5, 6))
		for range 300 {
			begin := []string{"x", " ", "▁", "  ", "\n"}[r.IntN(5)] // no user symbol
			text := begin + hardText(r, 60) + trainTexts[r.IntN(len(trainTexts))]
			text = strings.NewReplacer("<s>", "<r>", "</s>", "<r>", "<unk>", "<r>").Replace(text)
			got, want := a.Encode(nil, text, true), b.Encode(nil, text, true)
			if o.BOS == "" {
				want = b.Encode(nil, text, false)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %q: ids %v, of the .model %v", name, text, got, want)
			}
			slow, _ := a.EncodeOffsets(text, true)
			if marked := strings.Replace(text, "fox", "<s>", 1); r.IntN(2) == 0 {
				got = a.Encode(nil, marked, true)
				slow, _ = a.EncodeOffsets(marked, true)
			}
			if !slices.Equal(got, slow) || !a.direct {
				t.Fatalf("%s: %q: ids %v, through the stages %v; direct %v", name, text, got, slow, a.direct)
			}
			if !o.NoBytes {
				checkRoundTrip(t, a, text)
				checkRoundTrip(t, b, text)
			}
		}
	}
}

func checkRoundTrip(t *testing.T, tok *Tokenizer, text string) {
	t.Helper()
	want := strings.ReplaceAll(replaceInvalid(text), spaceMark, " ")
	if got, err := tok.Decode(tok.Encode(nil, text, false), false); err != nil || got != want {
		t.Errorf("%s: %q decoded as %q, %v", tok.Name(), text, got, err)
	}
}

func TestTrainedPiecesDoNotDependOnOrder(t *testing.T) {
	o := PieceOptions{VocabSize: 380, MinFrequency: 1}
	reversed := slices.Clone(trainTexts)
	slices.Reverse(reversed)
	a, err := TrainPieces(slices.Values(trainTexts), o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := TrainPieces(slices.Values(reversed), o)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Model(), b.Model()) {
		t.Error("another order of documents gives other pieces")
	}
}

func TestPieceOptionsReportEveryProblem(t *testing.T) {
	err := PieceOptions{VocabSize: 10, Special: []string{"<unk>", "<s>"}, User: []string{"<s>", "a b", "<0x41>"},
		BOS: "b", Coverage: 2, MinFrequency: -1}.Validate()
	for _, want := range []string{`"<unk>"`, `"<s>"`, `"a b"`, `"<0x41>"`, `"b" is not`, "2 is outside",
		"10 is below 263", "-1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	docs := slices.Values([]string{"many characters: abcdefghij"})
	_, err = TrainPieces(docs, PieceOptions{VocabSize: 259, Coverage: 1})
	if err == nil || !strings.Contains(err.Error(), "no room for 18 characters") {
		t.Errorf("a vocabulary too small for its characters: %v", err)
	}
	if _, err := TrainPieces(slices.Values([]string{"\n\n"}), PieceOptions{VocabSize: 300}); err == nil {
		t.Error("learned from no text")
	}
}
