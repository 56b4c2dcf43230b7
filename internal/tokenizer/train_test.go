package tokenizer

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

var trainTexts = []string{
	"the cat sat on the mat, the cat sat", "func (t *Thing) String() string { return t.name }\n\n",
	"naïve café – 東京 🙂 aaaaaaa", "12345 678   spaces\r\n\ttabs",
}

func TestTrainDoesNotDependOnOrder(t *testing.T) {
	o := TrainOptions{VocabSize: 300, Special: []string{"<|begin|>", "<|end|>"}, BOS: "<|begin|>"}
	a, err := TrainByteLevelBPE(slices.Values(trainTexts), o)
	if err != nil {
		t.Fatal(err)
	}
	reversed := slices.Clone(trainTexts)
	slices.Reverse(reversed)
	b, err := TrainByteLevelBPE(slices.Values(reversed), o)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("another order of documents gives another tokenizer")
	}
}

func TestTrainedTokenizerRoundTrips(t *testing.T) {
	o := TrainOptions{VocabSize: 290, Special: []string{"<|begin|>", "<|end|>"}, BOS: "<|begin|>"}
	data, err := TrainByteLevelBPE(slices.Values(trainTexts), o)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse("trained", data)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.VocabSize(); got > 290 || got < 270 {
		t.Errorf("vocabulary of %d, want at most 290", got)
	}
	text := strings.Join(trainTexts, "<|end|>") + "\x00 unseen: ß"
	ids := tok.Encode(nil, text, true)
	if begin, _ := tok.ID("<|begin|>"); ids[0] != begin {
		t.Errorf("first id %d, want BOS %d", ids[0], begin)
	}
	got, err := tok.Decode(ids[1:], false)
	if err != nil || got != text {
		t.Errorf("decoded %q, %v; want %q", got, err, text)
	}
	the := tok.Encode(nil, " the", false)
	if len(the) != 1 {
		t.Errorf("the most frequent word took %d tokens, want 1", len(the))
	}
}

func TestTrainOptionsReportEveryProblem(t *testing.T) {
	err := TrainOptions{VocabSize: 10, Special: []string{"a", "a"}, BOS: "b", MinFrequency: -1}.Validate()
	for _, want := range []string{"10 is below 258", `"a" is empty or given twice`, `"b" is not`, "-1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func TestReplaceInvalidAsPython(t *testing.T) {
	// Right-hand sides printed by Python 3.11's bytes.decode("utf-8", errors="replace").
	for in, want := range map[string]string{
		"ok": "ok", "\xff": "\ufffd", "a\xc3": "a\ufffd", "\xe2\x82": "\ufffd",
		"\xe2\x82A": "\ufffdA", "\xed\xa0\x80": "\ufffd\ufffd\ufffd", "\xf0\x9f\x98": "\ufffd",
		"\xf5\x80": "\ufffd\ufffd", "\xc0\xaf": "\ufffd\ufffd", "\xe0\x80\x80": "\ufffd\ufffd\ufffd",
		"\xf4\x90\x80\x80": "\ufffd\ufffd\ufffd\ufffd", "\xf0\x9fx": "\ufffdx",
	} {
		if got := replaceInvalid(in); got != want {
			t.Errorf("%q read as %q, want %q", in, got, want)
		}
	}
}
