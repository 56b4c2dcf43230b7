// Command recall reads documents as JSON lines (doc_id, text, licence) and writes short documents
// made of their lines: a passage, other lines, the passage again. Only by looking back can a model
// predict the second time, so it learns early to do so; in plain documents of 512 tokens the
// occasion is too rare for a small model and a short training.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"strings"
)

// bytesEach is the text for which one short document is made.
const bytesEach = 5000

// document is a line of input or output.
type document struct {
	ID       string `json:"doc_id"`
	Language string `json:"language"`
	Licence  string `json:"licence"`
	Text     string `json:"text"`
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	if err := errors.Join(recall(out, bufio.NewReader(os.Stdin)), out.Flush()); err != nil {
		fmt.Fprintln(os.Stderr, "recall:", err)
		os.Exit(1)
	}
}

func recall(w io.Writer, r io.Reader) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for in := json.NewDecoder(r); ; {
		var d document
		if err := in.Decode(&d); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for _, short := range passages(d) {
			if err := out.Encode(short); err != nil {
				return err
			}
		}
	}
}

// passages makes the short documents of one document: a pure function of it.
func passages(d document) []document {
	h := fnv.New64a()
	h.Write([]byte(d.ID)) // never fails
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	lines := strings.SplitAfter(d.Text, "\n")
	var all []document
	for i := range len(d.Text) / bytesEach {
		passage := stretch(r, lines, 60+r.IntN(500))
		times := 1 + r.IntN(2)
		text := stretch(r, lines, 40+r.IntN(300)) + passage
		for range times {
			text += stretch(r, lines, 40+r.IntN(400/times)) + passage
		}
		all = append(all, document{
			ID: fmt.Sprintf("%s#recall-%d", d.ID, i), Language: "en", Licence: d.Licence, Text: text,
		})
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
