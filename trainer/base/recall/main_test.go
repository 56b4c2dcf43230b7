package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestPassagesComeBack(t *testing.T) {
	var text strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&text, "line %d of the document\n", i)
	}
	line, err := json.Marshal(document{ID: "d", Licence: "MIT", Text: text.String()})
	if err != nil {
		t.Fatal(err)
	}
	var first, again bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &again} {
		if err := recall(out, bytes.NewReader(line)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("one document gives two results")
	}
	n := 0
	for in := json.NewDecoder(&first); in.More(); n++ {
		var d document
		if err := in.Decode(&d); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("d#recall-%d", n); d.ID != want || d.Licence != "MIT" {
			t.Errorf("document %d is %q under %s", n, d.ID, d.Licence)
		}
		if end := d.Text[len(d.Text)-60:]; strings.Count(d.Text, end) < 2 {
			t.Errorf("%s: its last passage does not come twice", d.ID)
		}
	}
	if want := text.Len() / bytesEach; n != want {
		t.Errorf("%d short documents, want %d", n, want)
	}
	if err := recall(&again, strings.NewReader("{")); err == nil {
		t.Error("half a line is read")
	}
}
