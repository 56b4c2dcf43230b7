package eval

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	var file []byte
	var want []int32
	for i := range tokensEach + 100 {
		id := int32(i * 7919 % 32001)
		file, want = binary.LittleEndian.AppendUint16(file, uint16(id)), append(want, id)
	}
	var got []int32
	for s, err := range Tokens(bytes.NewReader(file), "test.bin", 32001) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s.InputIDs...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d tokens, want %d as they are in the file", len(got), len(want))
	}
	for problem, data := range map[string][]byte{
		"test.bin: token 1 is 32001, outside the vocabulary of 32001": {5, 0, 0x01, 0x7d},
		"test.bin: token 2: unexpected EOF":                           {5, 0, 6, 0, 7},
	} {
		var last error
		for _, err := range Tokens(bytes.NewReader(data), "test.bin", 32001) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), problem) {
			t.Errorf("got %v, want %q", last, problem)
		}
	}
}
