package ucd

import (
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Form is a normal form (Unicode Standard Annex 15), with one difference: a character that is younger
// than the engine's table is left as it is and lets nothing past.
type Form uint8

const (
	NFC Form = iota
	NFD
	NFKC
	NFKD
)

// composes tells the forms that put characters together from those that only take them apart.
func (f Form) composes() bool { return f == NFC || f == NFKC }

// decomposed is the form whose decompositions f uses.
func (f Form) decomposed() norm.Form {
	if f == NFC || f == NFD {
		return norm.NFD
	}
	return norm.NFKD
}

// goForm is the library's form of the same name.
func (f Form) goForm() norm.Form {
	return [...]norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD}[f]
}

// Apply returns text in the form.
func (f Form) Apply(text string) string {
	var out []byte
	done := 0
	for {
		start, end := f.Next(text, done)
		if start == len(text) {
			break
		}
		if out == nil {
			out = make([]byte, 0, len(text)+len(text)/8)
		}
		out = append(out, text[done:start]...)
		out = f.Stretch(out, text[start:end])
		done = end
	}
	if out == nil {
		return text
	}
	return string(append(out, text[done:]...))
}

// Next finds the first stretch of text, at or after from, that the form may change; what comes before
// it stays as it is. It begins and ends where nothing composes or moves across. Without one, start is
// len(text).
func (f Form) Next(text string, from int) (start, end int) {
	active := activeTable[f]()
	last := from // the character before i
	for i := from; i < len(text); {
		if text[i] < utf8.RuneSelf {
			last = i
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if active.Has(r) {
			return last, stretchEnd(active, text, i+n)
		}
		last = i
		i += n
	}
	return len(text), len(text)
}

func stretchEnd(active *Bitmap, text string, i int) int {
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		if !active.Has(r) {
			break
		}
		i += n
	}
	return i
}

// Stretch appends the form of a stretch that Next found.
func (f Form) Stretch(dst []byte, text string) []byte {
	var buffer [32]part
	parts := f.decompose(buffer[:0], text)
	order(parts)
	if f.composes() {
		parts = compose(parts)
	}
	for _, p := range parts {
		dst = utf8.AppendRune(dst, p.r)
	}
	return dst
}

// part is a character with its canonical combining class.
type part struct {
	r   rune
	ccc uint8
}

func (f Form) decompose(dst []part, text string) []part {
	for i, r := range text {
		n := utf8.RuneLen(r)
		if !load().known.Has(r) {
			dst = append(dst, part{r, 0})
			continue
		}
		if r >= hangulBase && r < hangulEnd {
			dst = decomposeHangul(dst, r)
			continue
		}
		p := f.decomposed().PropertiesString(text[i : i+n])
		d := p.Decomposition()
		if d == nil {
			dst = append(dst, part{r, p.CCC()})
			continue
		}
		for _, r := range string(d) {
			dst = append(dst, part{r, classOf(r)})
		}
	}
	return dst
}

func classOf(r rune) uint8 {
	if !load().known.Has(r) {
		return 0
	}
	var b [utf8.UTFMax]byte
	return norm.NFD.Properties(b[:utf8.EncodeRune(b[:], r)]).CCC()
}

// order is the Canonical Ordering Algorithm (The Unicode Standard, D109).
func order(parts []part) {
	for i := 0; i < len(parts); i++ {
		if parts[i].ccc == 0 {
			continue
		}
		j := i
		for j < len(parts) && parts[j].ccc != 0 {
			j++
		}
		slices.SortStableFunc(parts[i:j], func(a, b part) int { return int(a.ccc) - int(b.ccc) })
		i = j
	}
}

// compose is the Canonical Composition Algorithm (D117), in place.
func compose(parts []part) []part {
	out := parts[:0]
	starter := -1 // in out
	var last uint8
	for _, p := range parts {
		if starter >= 0 && (len(out)-1 == starter || last < p.ccc) {
			if r, ok := composite(out[starter].r, p.r); ok {
				out[starter].r = r
				continue
			}
		}
		if p.ccc == 0 {
			starter = len(out)
		}
		last = p.ccc
		out = append(out, p)
	}
	return out
}

// The constants of Hangul composition (The Unicode Standard, section 3.12).
const (
	hangulBase = 0xAC00
	hangulEnd  = 0xD7A4
	jamoLBase  = 0x1100
	jamoVBase  = 0x1161
	jamoTBase  = 0x11A7
	jamoLCount = 19
	jamoVCount = 21
	jamoTCount = 28
)

func decomposeHangul(dst []part, r rune) []part {
	s := r - hangulBase
	dst = append(dst, part{jamoLBase + s/(jamoVCount*jamoTCount), 0},
		part{jamoVBase + s%(jamoVCount*jamoTCount)/jamoTCount, 0})
	if t := s % jamoTCount; t != 0 {
		dst = append(dst, part{jamoTBase + t, 0})
	}
	return dst
}

// composite returns the primary composite of two characters.
func composite(a, b rune) (rune, bool) {
	if l, v := a-jamoLBase, b-jamoVBase; l >= 0 && l < jamoLCount && v >= 0 && v < jamoVCount {
		return hangulBase + (l*jamoVCount+v)*jamoTCount, true
	}
	if s, t := a-hangulBase, b-jamoTBase; s >= 0 && a < hangulEnd && s%jamoTCount == 0 &&
		t > 0 && t < jamoTCount {
		return a + t, true
	}
	r, ok := composites()[[2]rune{a, b}]
	return r, ok
}

// composites lists the pairs of characters that compose, Hangul aside.
var composites = sync.OnceValue(func() map[[2]rune]rune {
	pairs := map[[2]rune]rune{}
	eachKnown(func(r rune) {
		if r >= hangulBase && r < hangulEnd || !norm.NFC.IsNormalString(string(r)) {
			return
		}
		d := []rune(string(norm.NFD.PropertiesString(string(r)).Decomposition()))
		if len(d) < 2 {
			return
		}
		first := []rune(norm.NFC.String(string(d[:len(d)-1])))
		if len(first) == 1 {
			pairs[[2]rune{first[0], d[len(d)-1]}] = r
		}
	})
	return pairs
})

// activeTable holds, for each form, the characters that can change or move, or compose with what
// stands before them.
var activeTable = [...]func() *Bitmap{
	NFC: activeIn(NFC), NFD: activeIn(NFD), NFKC: activeIn(NFKC), NFKD: activeIn(NFKD),
}

func activeIn(f Form) func() *Bitmap {
	return sync.OnceValue(func() *Bitmap {
		var active Set
		eachKnown(func(r rune) {
			s := string(r)
			starts := f.goForm().PropertiesString(s).BoundaryBefore()
			if starts && f.goForm().String(s) == s {
				return
			}
			if n := len(active); n > 0 && active[n-1].Last == r-1 {
				active[n-1].Last = r
			} else {
				active = append(active, Span{r, r})
			}
		})
		return active.Bitmap()
	})
}

// eachKnown calls f with the characters that the engine's tables say something about.
func eachKnown(f func(rune)) {
	for _, x := range load().sets["normalized"] {
		for r := x.First; r <= x.Last; r++ {
			f(r)
		}
	}
}
