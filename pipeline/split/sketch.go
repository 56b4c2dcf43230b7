package split

import (
	"math"
	"math/bits"

	"longlora/pipeline/words"
)

const (
	// Bands and BandRows place the threshold: documents with Jaccard similarity J become candidates
	// with probability 1-(1-J^BandRows)^Bands, which is 5 % at J = 0.3, half at 0.5 and 97 % at 0.7.
	Bands    = 20
	BandRows = 5

	bins = Bands * BandRows

	// shingleWords is the number of neighbouring words that make one element of a document's set.
	shingleWords = 5
)

// Sketch holds one hash for each band; 0 stands for a document without words, which is near no other.
type Sketch [Bands]uint64

// Signature holds sixteen bits of each minimum. The part of them that two documents share estimates
// their Jaccard similarity J, with a standard deviation of sqrt(J(1-J)/100) (Li and König 2010, "b-bit
// minwise hashing"; with sixteen bits chance adds less than 0.00002).
type Signature [bins]uint16

// Similarity estimates the Jaccard similarity of the word 5-grams of two documents with words.
func (a *Signature) Similarity(b *Signature) float64 {
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	return float64(same) / bins
}

// SketchOf sketches a text. It may be called concurrently and takes constant memory.
func SketchOf(text string) Sketch {
	s, _ := Sketches(text)
	return s
}

// Sketches returns a text's sketch, which finds documents that may be near, and its signature, which
// says how near they are.
func Sketches(text string) (Sketch, Signature) {
	var s minima
	s.reset()
	eachShingle(text, s.add)
	return s.sketch()
}

// minima is the least hash in each bin of the one permutation.
type minima [bins]uint64

func (m *minima) reset() {
	for i := range m {
		m[i] = math.MaxUint64
	}
}

// add puts a shingle into the bin that its hash's high bits name.
func (m *minima) add(hash uint64) {
	bin, rest := bits.Mul64(hash, bins)
	m[bin] = min(m[bin], rest)
}

// sketch fills the empty bins and hashes the bands.
func (m *minima) sketch() (s Sketch, sig Signature) {
	full := *m
	empty := 0
	for i, v := range m {
		if v == math.MaxUint64 {
			empty++
			full[i] = 0
		}
	}
	if empty == bins {
		return s, sig
	}
	for i, v := range m {
		if v == math.MaxUint64 {
			full[i] = m.borrow(uint64(i))
		}
	}
	for b := range s {
		h := uint64(b) + 1
		for _, v := range full[b*BandRows : (b+1)*BandRows] {
			h = words.Mix(h ^ v)
		}
		s[b] = max(h, 1)
	}
	for i, v := range full {
		sig[i] = uint16(words.Mix(v))
	}
	return s, sig
}

// borrow returns the value of a full bin, chosen by a hash of the empty bin and the attempt alone, so
// that two documents with the same set borrow alike.
func (m *minima) borrow(bin uint64) uint64 {
	for attempt := uint64(1); ; attempt++ {
		from, _ := bits.Mul64(words.Mix(bin<<32|attempt), bins)
		if m[from] != math.MaxUint64 {
			return m[from]
		}
	}
}

// eachShingle calls f with the hash of every run of five words. A shorter text has one shingle.
func eachShingle(text string, f func(hash uint64)) {
	var last [shingleWords]uint64 // ring of the latest words
	n := 0
	shingle := func(size int) {
		h := uint64(size)
		for i := n - size; i < n; i++ {
			h = words.Mix(h ^ last[i%shingleWords])
		}
		f(h)
	}
	words.Each(text, func(word uint64, _, _ int) bool {
		last[n%shingleWords] = word
		n++
		if n >= shingleWords {
			shingle(shingleWords)
		}
		return true
	})
	if n > 0 && n < shingleWords {
		shingle(n)
	}
}
