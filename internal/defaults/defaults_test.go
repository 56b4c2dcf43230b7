package defaults

import (
	"slices"
	"strings"
	"testing"
)

func TestTokenizer(t *testing.T) {
	tok, err := Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.VocabSize(); got != 4096 {
		t.Errorf("vocabulary of %d, want 4096", got)
	}
	if bos, ok := tok.BOS(); !ok || bos != 0 {
		t.Errorf("BOS %d, %v; want 0", bos, ok)
	}
	if eos, ok := tok.EOS(); !ok || eos != 1 {
		t.Errorf("EOS %d, %v; want 1", eos, ok)
	}
	if size := len(TokenizerFile()); size > 200<<10 {
		t.Errorf("the embedded file has %d bytes, want at most 200 KiB", size)
	}
}

// Every merged token that is whole characters must be what its own text is encoded to: then no id is
// wasted.
func TestEveryTokenIsReachable(t *testing.T) {
	tok, err := Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	for id := int32(2 + 256); id < int32(tok.VocabSize()); id++ {
		text, err := tok.Decode([]int32{id}, false)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "\ufffd") {
			continue
		}
		if got := tok.Encode(nil, text, false); !slices.Equal(got, []int32{id}) {
			t.Errorf("token %d %q is encoded to %v", id, text, got)
		}
	}
}
