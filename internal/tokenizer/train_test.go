package tokenizer

import (
	"bytes"
	"math/rand/v2"
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

// naiveMerges learns merges by counting all pairs anew for each.
func naiveMerges(words map[string]int64, n int, least int64) [][2]string {
	type split struct {
		parts []string
		count int64
	}
	var all []split
	for w, count := range words {
		all = append(all, split{strings.Split(w, ""), count})
	}
	order := map[string]int{} // of tokens, as they are made
	for b := range 256 {
		order[string([]byte{byte(b)})] = b
	}
	var merges [][2]string
	for len(merges) < n {
		counts := map[[2]string]int64{}
		for _, s := range all {
			for i := 0; i+1 < len(s.parts); i++ {
				counts[[2]string{s.parts[i], s.parts[i+1]}] += s.count
			}
		}
		var best [2]string
		for p, c := range counts {
			if _, made := order[p[0]+p[1]]; made || c < least {
				continue
			}
			b := counts[best]
			if c > b || c == b && (order[p[0]] < order[best[0]] ||
				order[p[0]] == order[best[0]] && order[p[1]] < order[best[1]]) {
				best = p
			}
		}
		if counts[best] == 0 {
			break
		}
		merges = append(merges, best)
		order[best[0]+best[1]] = len(order)
		for k, s := range all {
			var parts []string
			for i := 0; i < len(s.parts); i++ {
				if i+1 < len(s.parts) && s.parts[i] == best[0] && s.parts[i+1] == best[1] {
					parts = append(parts, best[0]+best[1])
					i++
					continue
				}
				parts = append(parts, s.parts[i])
			}
			all[k].parts = parts
		}
	}
	return merges
}

func TestTrainAgainstNaive(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		words := map[string]int64{}
		for range 1 + r.IntN(30) {
			var w strings.Builder
			for range 1 + r.IntN(9) {
				w.WriteByte("abcd"[r.IntN(2+r.IntN(3))])
			}
			words[w.String()] = 1 + r.Int64N(5)
		}
		var docs []string
		for w, n := range words {
			docs = append(docs, slices.Repeat([]string{w}, int(n))...)
		}
		tr := newByteLearner()
		tr.learn(countWords(slices.Values(docs)), byteSymbols, 256+25, 2)
		var got [][2]string
		for _, m := range tr.merges {
			got = append(got, [2]string{tr.tokens[m[0]], tr.tokens[m[1]]})
		}
		if want := naiveMerges(words, 25, 2); !slices.Equal(got, want) {
			t.Errorf("seed %d: merges %q, want %q", seed, got, want)
		}
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
