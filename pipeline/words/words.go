// Package words cuts text into normalized words and hashes runs of them. Deduplication, splits and
// decontamination compare texts by these words, so that case, punctuation and white space do not
// matter.
package words

import (
	"unicode"
	"unicode/utf8"
)

// Each calls f with the hash of every word of a text and the half-open range of its bytes: a run of
// letters, marks and digits in lower case, or one character of a script that is written without
// spaces. It stops when f returns false. A hash is never 0.
func Each(text string, f func(hash uint64, start, end int) bool) {
	h, start := uint64(0), 0
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if w := asciiWord[c]; w != 0 {
				if h == 0 {
					start = i
				}
				h = (h ^ uint64(w)) * fnvPrime
				i++
				continue
			}
			if h != 0 && !f(Mix(h), start, i) {
				return
			}
			h = 0
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case unspaced(r):
			if h != 0 && !f(Mix(h), start, i) {
				return
			}
			h = 0
			if !f(Mix(uint64(r)*fnvPrime), i, i+size) {
				return
			}
		case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r):
			if h == 0 {
				start = i
			}
			h = (h ^ uint64(unicode.ToLower(r))) * fnvPrime
		case h != 0:
			if !f(Mix(h), start, i) {
				return
			}
			h = 0
		}
		i += size
	}
	if h != 0 {
		f(Mix(h), start, len(text))
	}
}

// Count returns the number of words in a text.
func Count(text string) (n int) {
	Each(text, func(uint64, int, int) bool { n++; return true })
	return n
}

// fnvPrime is the 64-bit FNV prime.
const fnvPrime = 1099511628211

// unspaced reports scripts that do not separate words.
func unspaced(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai,
		unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// asciiWord maps letters and digits to their lower case and all else to 0.
var asciiWord = [utf8.RuneSelf]byte{
	'0': '0', '1': '1', '2': '2', '3': '3', '4': '4', '5': '5', '6': '6', '7': '7', '8': '8', '9': '9',
	'a': 'a', 'b': 'b', 'c': 'c', 'd': 'd', 'e': 'e', 'f': 'f', 'g': 'g', 'h': 'h', 'i': 'i', 'j': 'j',
	'k': 'k', 'l': 'l', 'm': 'm', 'n': 'n', 'o': 'o', 'p': 'p', 'q': 'q', 'r': 'r', 's': 's', 't': 't',
	'u': 'u', 'v': 'v', 'w': 'w', 'x': 'x', 'y': 'y', 'z': 'z',
	'A': 'a', 'B': 'b', 'C': 'c', 'D': 'd', 'E': 'e', 'F': 'f', 'G': 'g', 'H': 'h', 'I': 'i', 'J': 'j',
	'K': 'k', 'L': 'l', 'M': 'm', 'N': 'n', 'O': 'o', 'P': 'p', 'Q': 'q', 'R': 'r', 'S': 's', 'T': 't',
	'U': 'u', 'V': 'v', 'W': 'w', 'X': 'x', 'Y': 'y', 'Z': 'z',
}

// Mix is the finalizer of splitmix64 (Steele, Lea and Flood 2014), a bijection that keeps 0.
func Mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}

// Window hashes the latest words of a stream by a polynomial modulo 2^64 that rolls on (Karp and
// Rabin 1987). The zero Window is not usable; make one with NewWindow.
type Window struct {
	words  []uint64 // ring
	starts []int
	power  uint64 // base^len(words)
	hash   uint64
	at     int  // of the oldest word
	full   bool // at has come round
}

// base is that of the polynomial, odd so that it is invertible.
const base = 0x9E3779B97F4A7C15

// NewWindow returns an empty window of the given number of words, at least 1.
func NewWindow(words int) *Window {
	w := &Window{words: make([]uint64, words), starts: make([]int, words), power: 1}
	for range words {
		w.power *= base
	}
	return w
}

// Reset empties the window.
func (w *Window) Reset() {
	clear(w.words)
	w.hash, w.at, w.full = 0, 0, false
}

// Add rolls on by one word that begins at byte start. It returns the hash of the words in the window
// and the byte where the first of them begins; neither means anything until ok, when it is full.
func (w *Window) Add(hash uint64, start int) (h uint64, first int, ok bool) {
	w.hash = w.hash*base + hash - w.power*w.words[w.at]
	w.words[w.at], w.starts[w.at] = hash, start
	if w.at++; w.at == len(w.words) {
		w.at, w.full = 0, true
	}
	return Mix(w.hash), w.starts[w.at], w.full
}
