package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
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
		if err := recall(out, bytes.NewReader(line), short); err != nil {
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
	if err := recall(&again, strings.NewReader("{"), short); err == nil {
		t.Error("half a line is read")
	}
}

func TestLongDocumentsComeBackFromAfar(t *testing.T) {
	var text strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&text, "line %d of the document\n", i)
	}
	text.WriteString(strings.Repeat("x", 5000) + "\n\n\n")
	all := long(rand.New(rand.NewPCG(1, 1)), text.String(), 10_000)
	if want := text.Len() / 10_000; len(all) != want {
		t.Fatalf("%d documents, want %d", len(all), want)
	}
	for n, d := range all {
		if len(d) < 10_000 || len(d) > 10_000+maxPassage+1 {
			t.Errorf("document %d has %d bytes", n, len(d))
		}
		last := map[string]int{}
		again, far := 0, 0
		for i, line := range strings.Split(d, "\n") {
			if at, ok := last[line]; ok && line != "" {
				again++
				if i-at > 100 {
					far++
				}
			}
			last[line] = i
		}
		if again < 80 || far < 20 {
			t.Errorf("document %d: %d lines come back, %d of them after 100 others", n, again, far)
		}
	}
	if all := long(rand.New(rand.NewPCG(1, 1)), strings.Repeat("\n", 50), 40); len(all) != 1 {
		t.Errorf("empty lines make %d documents, want 1", len(all))
	}
}
