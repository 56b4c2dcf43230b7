package filter

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"longlora/schemas"
)

// The bounds of MassiveText's repetition filter (Rae et al. 2021, "Scaling Language Models", table
// A1). Each is the greatest part that is accepted.
const (
	maxDuplicateLines          = 0.30 // of the lines
	maxDuplicateParagraphs     = 0.30 // of the paragraphs
	maxDuplicateLineChars      = 0.20 // of the characters
	maxDuplicateParagraphChars = 0.20
)

// maxTopNGram bounds the characters in all occurrences of the most frequent 2-, 3- and 4-gram.
var maxTopNGram = [...]float64{2: 0.20, 3: 0.18, 4: 0.16}

// maxRepeatedNGrams bounds the characters covered by n-grams that stood before, n from 5 to 10.
var maxRepeatedNGrams = [...]float64{5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}

// minWords is the number of words below which n-grams say nothing.
const minWords = 50

// repetition is the filter. It keeps its working memory from document to document, at most 40 bytes a
// word of the largest.
type repetition struct {
	words  []word
	counts hashCounts
}

// word is the hash of a word and its length in bytes.
type word struct {
	hash uint64
	size uint32
}

func newRepetition(Options) Filter { return &repetition{} }

func (f *repetition) Check(d *schemas.Document) (reason, detail string) {
	for _, c := range []struct {
		what, separator string
		parts, chars    float64
	}{
		{"lines", "\n", maxDuplicateLines, maxDuplicateLineChars},
		{"paragraphs", "\n\n", maxDuplicateParagraphs, maxDuplicateParagraphChars},
	} {
		parts, chars := f.duplicates(d.Text, c.separator)
		if parts > c.parts {
			return "repetition: " + c.what, above(parts, c.parts)
		}
		if chars > c.chars {
			return "repetition: characters in " + c.what, above(chars, c.chars)
		}
	}
	return f.checkNGrams(d.Text)
}

func above(got, most float64) string {
	return fmt.Sprintf("%.3f of them repeat, at most %.2f wanted", got, most)
}

// duplicates returns which part of the text's pieces, and of their bytes, stood there before.
func (f *repetition) duplicates(text, separator string) (parts, chars float64) {
	n := strings.Count(text, separator) + 1
	f.counts.reset(n)
	var pieces, again, bytes, bytesAgain int
	for piece := range strings.SplitSeq(text, separator) {
		piece = strings.TrimSpace(piece)
		if piece == "" {
			continue
		}
		pieces, bytes = pieces+1, bytes+len(piece)
		if f.counts.add(hash(piece)) > 1 {
			again, bytesAgain = again+1, bytesAgain+len(piece)
		}
	}
	if pieces < 4 { // a few lines say nothing
		return 0, 0
	}
	return float64(again) / float64(pieces), float64(bytesAgain) / float64(bytes)
}

func (f *repetition) checkNGrams(text string) (reason, detail string) {
	total := f.split(text)
	if len(f.words) < minWords {
		return "", ""
	}
	for n := 2; n < len(maxTopNGram); n++ {
		if part := f.top(n) / total; part > maxTopNGram[n] {
			return fmt.Sprintf("repetition: most frequent %d-gram", n), above(part, maxTopNGram[n])
		}
	}
	for n := 5; n < len(maxRepeatedNGrams); n++ {
		part := f.repeated(n) / total
		if part > maxRepeatedNGrams[n] {
			return fmt.Sprintf("repetition: %d-grams", n), above(part, maxRepeatedNGrams[n])
		}
		if part <= maxRepeatedNGrams[len(maxRepeatedNGrams)-1] {
			break // words in a repeated 10-gram are in repeated 5-grams too, so no later n has more
		}
	}
	return "", ""
}

// split cuts the text into words at white space, and returns their bytes.
func (f *repetition) split(text string) (total float64) {
	f.words = f.words[:0]
	for w := range strings.FieldsSeq(text) {
		f.words = append(f.words, word{hash(w), uint32(min(len(w), math.MaxUint32))})
		total += float64(len(w))
	}
	return total
}

// ngramBase is the base of the n-grams' polynomial hash, odd so that it is invertible.
const ngramBase = 0x9E3779B97F4A7C15

// eachNGram calls f with the hash of the n-gram that begins at each word, and that word's place. The
// hash rolls on (Karp and Rabin 1987), modulo 2^64.
func (f *repetition) eachNGram(n int, call func(at int, hash uint64)) {
	h, power := uint64(0), uint64(1) // power is ngramBase^n
	for range n {
		power *= ngramBase
	}
	for i, w := range f.words {
		h = h*ngramBase + w.hash
		if i >= n {
			h -= power * f.words[i-n].hash
		}
		if i >= n-1 {
			call(i-n+1, mix(h))
		}
	}
}

// top returns the bytes in all occurrences of the most frequent n-gram, 0 if none occurs twice.
func (f *repetition) top(n int) float64 {
	f.counts.reset(len(f.words))
	most, size := uint32(1), 0
	f.eachNGram(n, func(at int, h uint64) {
		if c := f.counts.add(h); c > most {
			most, size = c, f.bytes(at, n)
		}
	})
	return float64(size) * float64(most)
}

// repeated returns the bytes of words that lie in an n-gram which stood there before.
func (f *repetition) repeated(n int) float64 {
	f.counts.reset(len(f.words))
	covered, sum := 0, 0 // words before covered are counted
	f.eachNGram(n, func(at int, h uint64) {
		if f.counts.add(h) > 1 {
			from := max(at, covered)
			sum += f.bytes(from, at+n-from)
			covered = at + n
		}
	})
	return float64(sum)
}

func (f *repetition) bytes(from, n int) (sum int) {
	for _, w := range f.words[from : from+n] {
		sum += int(w.size)
	}
	return sum
}

// hashCounts counts hashes by open addressing. A slot holds the upper 40 bits of a hash and a count.
type hashCounts struct {
	slots []uint64 // 0: free
	mask  uint64
}

// maxCount is the greatest count of a slot; it stays there.
const maxCount = 1<<24 - 1

// reset empties the table and makes room for n different hashes.
func (c *hashCounts) reset(n int) {
	size := 1 << bits.Len(uint(n)+uint(n)/2)
	if cap(c.slots) < size {
		c.slots = make([]uint64, size)
	}
	c.slots = c.slots[:size]
	clear(c.slots)
	c.mask = uint64(size - 1)
}

// add counts a hash and returns how often it has come.
func (c *hashCounts) add(h uint64) uint32 {
	tag := h &^ maxCount
	for i := h & c.mask; ; i = (i + 1) & c.mask {
		slot := c.slots[i]
		if slot == 0 {
			slot = tag
		}
		if slot&^maxCount == tag {
			if slot&maxCount < maxCount {
				slot++
			}
			c.slots[i] = slot
			return uint32(slot & maxCount)
		}
	}
}

// hash is FNV-1a, mixed.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

// mix is the finalizer of splitmix64.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}
