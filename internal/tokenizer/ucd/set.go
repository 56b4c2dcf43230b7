package ucd

import (
	"slices"
	"sort"
	"unicode/utf8"
)

// Set is a set of characters: spans in ascending order that neither overlap nor touch.
type Set []Span

// Span is a range of characters, both ends inclusive.
type Span struct{ First, Last rune }

// Of returns the set of the given characters.
func Of(chars ...rune) Set {
	var s Set
	for _, c := range chars {
		s = s.Or(Set{{c, c}})
	}
	return s
}

// Has reports whether r is in the set, in logarithmic time; see Bitmap for a faster way.
func (s Set) Has(r rune) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].Last >= r })
	return i < len(s) && s[i].First <= r
}

// Not returns all other characters.
func (s Set) Not() Set {
	var out Set
	next := rune(0)
	for _, x := range s {
		if x.First > next {
			out = append(out, Span{next, x.First - 1})
		}
		next = x.Last + 1
	}
	if next <= utf8.MaxRune {
		out = append(out, Span{next, utf8.MaxRune})
	}
	return out
}

// Or returns the characters of either set.
func (s Set) Or(t Set) Set {
	all := slices.Concat(s, t)
	slices.SortFunc(all, func(a, b Span) int { return int(a.First - b.First) })
	out := all[:0]
	for _, x := range all {
		if n := len(out); n > 0 && x.First <= out[n-1].Last+1 {
			out[n-1].Last = max(out[n-1].Last, x.Last)
			continue
		}
		out = append(out, x)
	}
	return out
}

// And returns the characters of both sets.
func (s Set) And(t Set) Set { return s.Not().Or(t.Not()).Not() }

// Bitmap is a set that is asked in constant time. Equal blocks of 256 characters are stored once.
type Bitmap struct {
	index  [(utf8.MaxRune + 1) >> 8]uint16
	blocks [][4]uint64
}

// Bitmap returns the set in that form.
func (s Set) Bitmap() *Bitmap {
	var flat [(utf8.MaxRune + 1) >> 8][4]uint64
	for _, x := range s {
		for r := x.First; r <= x.Last; r++ {
			flat[r>>8][r>>6&3] |= 1 << (r & 63)
		}
	}
	b := new(Bitmap)
	seen := map[[4]uint64]uint16{}
	for i, block := range flat {
		n, ok := seen[block]
		if !ok {
			n = uint16(len(b.blocks))
			seen[block] = n
			b.blocks = append(b.blocks, block)
		}
		b.index[i] = n
	}
	return b
}

// Has reports whether r, at most utf8.MaxRune, is in the set.
func (b *Bitmap) Has(r rune) bool {
	return b.blocks[b.index[r>>8]][r>>6&3]>>(r&63)&1 == 1
}

// Classes numbers characters by the first of a list of sets that they are in, from 1 on; 0 is none.
// Equal blocks of 256 characters are stored once.
type Classes struct {
	index  [(utf8.MaxRune + 1) >> 8]uint16
	blocks [][256]uint8
}

// Classify returns the classes of a list of sets.
func Classify(sets ...Set) *Classes {
	maps := make([]*Bitmap, len(sets))
	for i, s := range sets {
		maps[i] = s.Bitmap()
	}
	c := new(Classes)
	seen := map[[256]uint8]uint16{}
	for i := range c.index {
		var block [256]uint8
		for k := range block {
			for n, m := range maps {
				if m.Has(rune(i<<8 | k)) {
					block[k] = uint8(n + 1)
					break
				}
			}
		}
		n, ok := seen[block]
		if !ok {
			n = uint16(len(c.blocks))
			seen[block] = n
			c.blocks = append(c.blocks, block)
		}
		c.index[i] = n
	}
	return c
}

// Of returns the class of r, at most utf8.MaxRune.
func (c *Classes) Of(r rune) uint8 { return c.blocks[c.index[r>>8]][r&0xFF] }
