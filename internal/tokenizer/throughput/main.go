//go:build unix

// Command throughput encodes a text in documents of a given size with one Encoder on one goroutine
// and prints the processor seconds that it took, the number of ids and the SHA-256 of the ids as
// little-endian int32. It takes the ids piece by piece, as pipeline encode does. The Encoder begins cold
// and keeps its caches from document to document. scripts/bench/tokenizer holds it against other
// engines.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"syscall"

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
	begun := spent()
	e, n := t.NewEncoder(), 0
	for _, d := range documents {
		e.EncodePieces(d, false, func(ids []int32) { n += len(ids) })
	}
	seconds := spent() - begun
	sum := sha256.New()
	for _, d := range documents {
		e.EncodePieces(d, false, func(ids []int32) {
			binary.Write(sum, binary.LittleEndian, ids) //nolint:errcheck // a hash takes everything
		})
	}
	fmt.Printf("%f %d %x\n", seconds, n, sum.Sum(nil))
	return nil
}

// spent returns the processor seconds that the process has taken.
func spent() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u) //nolint:errcheck // its arguments are right
	nanoseconds := u.Utime.Nano() + u.Stime.Nano()
	return float64(nanoseconds) / 1e9
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
