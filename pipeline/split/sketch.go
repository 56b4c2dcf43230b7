package split

import (
	"math"
	"math/bits"
	"unicode"
	"unicode/utf8"
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

// SketchOf sketches a text. It may be called concurrently and takes constant memory.
func SketchOf(text string) Sketch {
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
func (m *minima) sketch() (s Sketch) {
	full := *m
	empty := 0
	for i, v := range m {
		if v == math.MaxUint64 {
			empty++
			full[i] = 0
		}
	}
	if empty == bins {
		return s
	}
	for i, v := range m {
		if v == math.MaxUint64 {
			full[i] = m.borrow(uint64(i))
		}
	}
	for b := range s {
		h := uint64(b) + 1
		for _, v := range full[b*BandRows : (b+1)*BandRows] {
			h = mix(h ^ v)
		}
		s[b] = max(h, 1)
	}
	return s
}

// borrow returns the value of a full bin, chosen by a hash of the empty bin and the attempt alone, so
// that two documents with the same set borrow alike.
func (m *minima) borrow(bin uint64) uint64 {
	for attempt := uint64(1); ; attempt++ {
		from, _ := bits.Mul64(mix(bin<<32|attempt), bins)
		if m[from] != math.MaxUint64 {
			return m[from]
		}
	}
}

// eachShingle calls f with the hash of every run of five words. A shorter text has one shingle.
func eachShingle(text string, f func(hash uint64)) {
	var last [shingleWords]uint64 // ring of the latest words
	n := 0
	shingle := func(words int) {
		h := uint64(words)
		for i := n - words; i < n; i++ {
			h = mix(h ^ last[i%shingleWords])
		}
		f(h)
	}
	eachWord(text, func(word uint64) {
		last[n%shingleWords] = word
		n++
		if n >= shingleWords {
			shingle(shingleWords)
		}
	})
	if n > 0 && n < shingleWords {
		shingle(n)
	}
}

// eachWord calls f with the hash of every word: a run of letters, marks and digits in lower case, or
// one character of a script that is written without spaces.
func eachWord(text string, f func(hash uint64)) {
	h := uint64(0)
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		i += size
		switch {
		case r < utf8.RuneSelf && asciiWord[r] != 0:
			h = (h ^ uint64(asciiWord[r])) * fnvPrime
			continue
		case r < utf8.RuneSelf:
		case unspaced(r):
			if h != 0 {
				f(mix(h))
			}
			h = uint64(r) * fnvPrime
		case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r):
			h = (h ^ uint64(unicode.ToLower(r))) * fnvPrime
			continue
		}
		if h != 0 {
			f(mix(h))
			h = 0
		}
	}
	if h != 0 {
		f(mix(h))
	}
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

// mix is the finalizer of splitmix64 (Steele, Lea and Flood 2014), a bijection.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}
