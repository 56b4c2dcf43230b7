package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"longlora/internal/tokenizer/ucd"
)

// spaceMark is U+2581, which stands for a space in SentencePiece vocabularies.
const spaceMark = "▁"

// normalizer is one step of a text's normalization. Where nothing changes, it returns its argument.
type normalizer interface {
	apply(p piece) piece
}

// normalizerTable reads each type of normalizer from its object in the file.
var normalizerTable = map[string]func(stage) (normalizer, error){
	"NFC":          func(stage) (normalizer, error) { return unicodeForm(ucd.NFC), nil },
	"NFD":          func(stage) (normalizer, error) { return unicodeForm(ucd.NFD), nil },
	"NFKC":         func(stage) (normalizer, error) { return unicodeForm(ucd.NFKC), nil },
	"NFKD":         func(stage) (normalizer, error) { return unicodeForm(ucd.NFKD), nil },
	"Prepend":      func(s stage) (normalizer, error) { return prepend(s.Prepend), nil },
	"Lowercase":    func(stage) (normalizer, error) { return lowercase{}, nil },
	"Strip":        func(s stage) (normalizer, error) { return newStrip(s.StripLeft, s.StripRight), nil },
	"StripAccents": func(stage) (normalizer, error) { return without{bitmap("marks")}, nil },
	"Nmt":          func(stage) (normalizer, error) { return nmt{}, nil },
	"ByteLevel":    func(stage) (normalizer, error) { return printableBytes{}, nil },
	"Replace":      readReplace,
}

func bitmap(set string) *ucd.Bitmap { return ucd.Must(set).Bitmap() }

func (s *spec) readNormalizer(c *fileJSON) error {
	stages, err := readStages("normalizer", c.Normalizer)
	if err != nil {
		return err
	}
	for _, st := range stages {
		read, ok := normalizerTable[st.Type]
		if !ok {
			return fmt.Errorf("normalizer: type %q is not supported", st.Type)
		}
		n, err := read(st)
		if err != nil {
			return fmt.Errorf("normalizer: %s: %w", st.Type, err)
		}
		s.byteLevel = s.byteLevel || st.Type == "ByteLevel"
		s.normalizers = append(s.normalizers, n)
	}
	return nil
}

func readReplace(st stage) (normalizer, error) {
	f, err := st.Pattern.compile()
	if err != nil {
		return nil, err
	}
	if st.Content == nil {
		return nil, fmt.Errorf("no content")
	}
	return replace{f, *st.Content}, nil
}

// unicodeForm brings text into a normal form. Of what is composed, each byte stands for all that it
// was composed of.
type unicodeForm ucd.Form

func (f unicodeForm) apply(p piece) piece {
	if p.spans == nil {
		if text := ucd.Form(f).Apply(p.text); text != p.text {
			return piece{text: text, first: p.first}
		}
		return p
	}
	var e *edit
	for at := 0; ; {
		start, end := ucd.Form(f).Next(p.text, at)
		if start == len(p.text) {
			break
		}
		at = end
		to := string(ucd.Form(f).Stretch(nil, p.text[start:end]))
		if to == p.text[start:end] {
			continue
		}
		if e == nil {
			e = newEdit(p)
		}
		e.keep(start)
		e.put(to, start, end)
		e.skip(end)
	}
	if e == nil {
		return p
	}
	return e.finish()
}

// replace puts a string in the place of each match.
type replace struct {
	find finder
	with string
}

func (n replace) apply(p piece) piece {
	var e *edit
	f := n.find.fresh()
	for at := 0; ; {
		start, end := f.find(p.text, at)
		if start < 0 {
			break
		}
		if e == nil {
			e = newEdit(p)
		}
		e.keep(start)
		_, last := utf8.DecodeLastRuneInString(p.text[:end])
		e.put(n.with, end-last, end)
		e.skip(end)
		at = end
	}
	if e == nil {
		return p
	}
	return e.finish()
}

// prepend puts a string before a text that is not empty. It stands for the first character.
type prepend string

func (n prepend) apply(p piece) piece {
	if p.text == "" || n == "" {
		return p
	}
	e := newEdit(p)
	_, first := utf8.DecodeRuneInString(p.text)
	e.put(string(n), 0, first)
	return e.finish()
}

// lowercase writes each character in lower case.
type lowercase struct{}

func (lowercase) apply(p piece) piece {
	e := newEdit(p)
	var buffer [3 * utf8.UTFMax]byte
	for i := 0; i < len(p.text); {
		r, n := utf8.DecodeRuneInString(p.text[i:])
		if to := ucd.Lower(buffer[:0], r); string(to) != p.text[i:i+n] {
			e.keep(i)
			e.put(string(to), i, i+n)
			e.skip(i + n)
		}
		i += n
	}
	return e.finish()
}

// strip drops white space at the ends.
type strip struct {
	space       *ucd.Bitmap
	left, right bool
}

func newStrip(left, right bool) strip { return strip{bitmap("whitespace"), left, right} }

func (n strip) apply(p piece) piece {
	i, j := 0, len(p.text)
	if n.left {
		i = j - len(strings.TrimLeftFunc(p.text, n.space.Has))
	}
	if n.right {
		j = i + len(strings.TrimRightFunc(p.text[i:], n.space.Has))
	}
	return p.slice(i, j)
}

// without drops the characters of a set.
type without struct{ set *ucd.Bitmap }

func (n without) apply(p piece) piece {
	e := newEdit(p)
	for i := 0; i < len(p.text); {
		r, size := utf8.DecodeRuneInString(p.text[i:])
		if n.set.Has(r) {
			e.keep(i)
			e.skip(i + size)
		}
		i += size
	}
	return e.finish()
}

// nmt drops control characters and makes a space of other white space: the rules of Google's NMT
// tokenization.
type nmt struct{}

func (nmt) apply(p piece) piece {
	e := newEdit(p)
	for i := 0; i < len(p.text); {
		r, n := utf8.DecodeRuneInString(p.text[i:])
		if drop, space := nmtRule(r); drop || space {
			e.keep(i)
			if space {
				e.put(" ", i, i+n)
			}
			e.skip(i + n)
		}
		i += n
	}
	return e.finish()
}

func nmtRule(r rune) (drop, space bool) {
	switch {
	case r >= 0x1 && r <= 0x8, r == 0xB, r >= 0xE && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
		return true, false
	case r == 0x9, r == 0xA, r == 0xC, r == 0xD, r == 0x1680, r >= 0x200B && r <= 0x200F,
		r == 0x2028, r == 0x2029, r == 0x2581, r == 0xFEFF, r == 0xFFFD:
		return false, true
	}
	return false, false
}

// printableBytes writes each byte as the printable character that stands for it.
type printableBytes struct{}

func (printableBytes) apply(p piece) piece {
	e := newEdit(p)
	for i := 0; i < len(p.text); {
		_, n := utf8.DecodeRuneInString(p.text[i:])
		e.put(toPrintable(p.text[i:i+n]), i, i+n)
		e.skip(i + n)
		i += n
	}
	return e.finish()
}

// normalize applies all normalizers.
func (t *Tokenizer) normalize(p piece) piece {
	for _, n := range t.normalizers {
		p = n.apply(p)
	}
	return p
}
