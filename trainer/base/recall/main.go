// Command recall reads documents as JSON lines (doc_id, text, licence) and writes documents made of
// their lines in which passages come back. Only by looking back can a model predict a passage's
// second time, so it learns early to do so; in plain documents the occasion is too rare for a small
// model and a short training.
//
// By default the documents are short, for a context of 512 tokens. With -chars they have about so
// many characters, and passages come back from anywhere before.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"strings"
)

// document is a line of input or output.
type document struct {
	ID       string `json:"doc_id"`
	Language string `json:"language"`
	Licence  string `json:"licence"`
	Text     string `json:"text"`
}

func main() {
	chars := flag.Int("chars", 0, "characters of a document; 0: short documents")
	flag.Parse()
	var how maker = short
	if *chars > 0 {
		how = func(r *rand.Rand, text string) []string { return long(r, text, *chars) }
	}
	out := bufio.NewWriter(os.Stdout)
	if err := errors.Join(recall(out, bufio.NewReader(os.Stdin), how), out.Flush()); err != nil {
		fmt.Fprintln(os.Stderr, "recall:", err)
		os.Exit(1)
	}
}

// maker makes the texts of one document's passages.
type maker func(r *rand.Rand, text string) []string

// recall writes what how makes of each document: a pure function of it.
func recall(w io.Writer, r io.Reader, how maker) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for in := json.NewDecoder(r); ; {
		var d document
		if err := in.Decode(&d); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		h := fnv.New64a()
		h.Write([]byte(d.ID)) // never fails
		for i, text := range how(rand.New(rand.NewPCG(h.Sum64(), 1)), d.Text) {
			err := out.Encode(document{
				ID: fmt.Sprintf("%s#recall-%d", d.ID, i), Language: "en", Licence: d.Licence, Text: text,
			})
			if err != nil {
				return err
			}
		}
	}
}

// bytesEach is the text for which one short document is made.
const bytesEach = 5000

// short makes documents of a passage, other lines, and the passage again, once or twice.
func short(r *rand.Rand, text string) (all []string) {
	lines := strings.SplitAfter(text, "\n")
	for range len(text) / bytesEach {
		passage := stretch(r, lines, 60+r.IntN(500))
		times := 1 + r.IntN(2)
		made := stretch(r, lines, 40+r.IntN(300)) + passage
		for range times {
			made += stretch(r, lines, 40+r.IntN(400/times)) + passage
		}
		all = append(all, made)
	}
	return all
}

// The passages of long documents.
const (
	maxPassage = 600 // bytes
	minPassage = 20
	maxLines   = 6
	againOf20  = 9 // of 20 passages, those that were there before
)

// long makes documents of about chars bytes from passages of one to six lines, nearly half of which
// stand in the document before.
func long(r *rand.Rand, text string, chars int) (all []string) {
	lines := strings.SplitAfter(text, "\n")
	for range len(text) / chars {
		var made strings.Builder
		var passages []string
		for made.Len() < chars {
			if len(passages) > 4 && r.IntN(20) < againOf20 {
				made.WriteString(passages[r.IntN(len(passages))])
				continue
			}
			from := r.IntN(len(lines))
			p := strings.Join(lines[from:min(from+1+r.IntN(maxLines), len(lines))], "")
			if len(p) > maxPassage {
				p = strings.ToValidUTF8(p[:maxPassage], "") + "\n"
			}
			if len(p) >= minPassage {
				passages = append(passages, p)
			}
			made.WriteString(p)
		}
		all = append(all, made.String())
	}
	return all
}

// stretch returns the lines from a random one on, n bytes and the rest of the last line, which is
// cut if it is long.
func stretch(r *rand.Rand, lines []string, n int) string {
	var text strings.Builder
	for i := r.IntN(len(lines)); i < len(lines) && text.Len() < n; i++ {
		text.WriteString(lines[i])
	}
	s := text.String()
	if len(s) > n+80 {
		s = strings.ToValidUTF8(s[:n], "") + "\n"
	}
	return s
}
