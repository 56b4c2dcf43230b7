package filter

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

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

// repetition is the filter. It keeps its working memory from document to document, 30 bytes a word of
// the largest, and 20 more if that one had to be looked at closely.
type repetition struct {
	words   []word
	counts  hashCounts
	seen    hashSet
	buckets [len(maxTopNGram)][bucketCount]uint32
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
		if f.counts.add(xxh3.HashString(piece)) > 1 {
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
	top, repeated := f.bound()
	for n := 2; n < len(maxTopNGram); n++ {
		if float64(top[n]) <= maxTopNGram[n]*total {
			continue
		}
		if part := f.top(n) / total; part > maxTopNGram[n] {
			return fmt.Sprintf("repetition: most frequent %d-gram", n), above(part, maxTopNGram[n])
		}
	}
	// Words in a repeated 10-gram are in repeated 5-grams too, so no later n has more.
	for n := 5; n < len(maxRepeatedNGrams) &&
		float64(repeated) > maxRepeatedNGrams[len(maxRepeatedNGrams)-1]*total; n++ {
		part := f.repeated(n) / total
		if part > maxRepeatedNGrams[n] {
			return fmt.Sprintf("repetition: %d-grams", n), above(part, maxRepeatedNGrams[n])
		}
		repeated = int(part * total)
	}
	return "", ""
}

// split cuts the text into words at white space, as strings.Fields does, and returns their bytes.
func (f *repetition) split(text string) (total float64) {
	f.words = f.words[:0]
	sum, h, start := 0, uint64(fnvOffset), 0
	end := func(at int) {
		if at > start {
			f.words = append(f.words, word{mix(h), uint32(at - start)})
			sum += at - start
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		size := 1
		switch {
		case c > ' ' && c < 0xC2:
			h = (h ^ uint64(c)) * fnvPrime
			continue
		case c >= 0xC2:
			r, n := utf8.DecodeRuneInString(text[i:])
			if !unicode.IsSpace(r) {
				h = (h ^ uint64(c)) * fnvPrime
				continue
			}
			size = n
		case c != ' ' && (c < '\t' || c > '\r'):
			h = (h ^ uint64(c)) * fnvPrime
			continue
		}
		end(i)
		i += size - 1
		h, start = fnvOffset, i+1
	}
	end(len(text))
	return float64(sum)
}

// bucketCount is the number of sums in which bound counts n-grams. They stay in the first cache.
const bucketCount = 2048

// bound returns, in one pass and without a count of each n-gram, bytes that are at least those in all
// occurrences of the most frequent 2-, 3- and 4-gram, and those of words in repeated 5-grams. Nearly
// all documents are below the filter's limits even so, and are not looked at again.
//
// The bytes of n-grams are summed in a few buckets by hash: no n-gram has more than its bucket, and
// only one that makes up a large part of the text lifts its bucket above the rest.
func (f *repetition) bound() (top [len(maxTopNGram)]uint32, repeated int) {
	f.seen.reset(len(f.words))
	for n := range f.buckets {
		clear(f.buckets[n][:])
	}
	b2, b3, b4 := &f.buckets[2], &f.buckets[3], &f.buckets[4]
	const shift = 64 - 11 // the high bits of a product choose one of bucketCount
	w1, w2, w3, w4 := word{}, word{}, word{}, word{}
	covered := 0 // words before are counted
	for i, w := range f.words {
		h := w.hash + ngramBase*w1.hash
		size := w.size + w1.size
		if i > 0 {
			b2[h*ngramBase>>shift] += size
		}
		h += ngramBase2 * w2.hash
		size += w2.size
		if i > 1 {
			b3[h*ngramBase>>shift] += size
		}
		h += ngramBase3 * w3.hash
		size += w3.size
		if i > 2 {
			b4[h*ngramBase>>shift] += size
		}
		h += ngramBase4 * w4.hash
		if i > 3 && f.seen.add(mix(h)) {
			from := max(i-4, covered)
			repeated += f.bytes(from, i+1-from)
			covered = i + 1
		}
		w1, w2, w3, w4 = w, w1, w2, w3
	}
	for n := 2; n < len(top); n++ {
		top[n] = slices.Max(f.buckets[n][:])
	}
	return top, repeated
}

// ngramBase is the base of the n-grams' polynomial hash, odd so that it is invertible.
const ngramBase = 0x9E3779B97F4A7C15

// The powers of the base, modulo 2^64.
const (
	ngramBase2 = ngramBase * ngramBase & math.MaxUint64
	ngramBase3 = ngramBase2 * ngramBase & math.MaxUint64
	ngramBase4 = ngramBase3 * ngramBase & math.MaxUint64
)

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

// hashSet is a set of hashes by open addressing. A slot holds 32 bits of a hash: among a million, one
// in four thousand is found wrongly.
type hashSet struct {
	slots []uint32 // 0: free
	mask  uint64
}

// reset empties the set and makes room for n hashes.
func (s *hashSet) reset(n int) {
	size := 1 << bits.Len(uint(n)+uint(n)/3)
	if cap(s.slots) < size {
		s.slots = make([]uint32, size)
	}
	s.slots = s.slots[:size]
	clear(s.slots)
	s.mask = uint64(size - 1)
}

// add puts a hash in and reports whether it was there.
func (s *hashSet) add(h uint64) bool {
	tag := uint32(h>>32) | 1
	for i := h & s.mask; ; i = (i + 1) & s.mask {
		switch s.slots[i] {
		case tag:
			return true
		case 0:
			s.slots[i] = tag
			return false
		}
	}
}

// The constants of FNV-1a.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// mix is the finalizer of splitmix64.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}
