// Command throughput encodes a text in documents of a given size with one Encoder on one goroutine
// and prints the seconds that it took and the number of ids. The Encoder begins cold and keeps its
// caches from document to document. scripts/bench/tokenizer holds it against other engines.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"longlora/internal/tokenizer"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "throughput:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("got %d arguments, want TOKENIZER TEXT BYTES-A-DOCUMENT", len(args))
	}
	t, err := tokenizer.Open(args[0])
	if err != nil {
		return err
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(args[2])
	if err != nil || size <= 0 {
		return fmt.Errorf("bytes a document is %q, want a positive number", args[2])
	}
	documents := cut(string(data), size)
	begun := time.Now()
	e, ids, n := t.NewEncoder(), []int32(nil), 0
	for _, d := range documents {
		ids = e.Encode(ids[:0], d, false)
		n += len(ids)
	}
	fmt.Println(time.Since(begun).Seconds(), n)
	return nil
}

// cut divides a text into pieces of about size bytes, between characters.
func cut(text string, size int) (pieces []string) {
	for len(text) > size {
		n := size
		for n < len(text) && text[n]&0xC0 == 0x80 {
			n++
		}
		pieces, text = append(pieces, text[:n]), text[n:]
	}
	return append(pieces, text)
}
