// Package charset turns the bytes of text files into UTF-8, strictly: what is no text of the character
// set is an error, and never a replacement character.
package charset

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// Auto is the name of UTF-8, or UTF-16 or UTF-32 with a byte order mark.
const Auto = "auto"

// Reason is why text that is not of its character set is no document.
const Reason = "undecodable"

// Charset decodes text. The zero value is Auto. It may be used concurrently.
type Charset struct {
	name     string
	encoding encoding.Encoding // nil: UTF-8
}

// Find returns the character set of a name: auto, or one of the Encoding Standard's or of IANA's, in any
// case. A name of both is the former's: latin1 means windows-1252.
func Find(name string) (Charset, error) {
	if name == "" || strings.EqualFold(name, Auto) {
		return Charset{}, nil
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		e, err = ianaindex.IANA.Encoding(name)
	}
	if err != nil || e == nil || e == encoding.Replacement {
		return Charset{}, fmt.Errorf("encoding %q is unknown; take auto or a name of the Encoding Standard, "+
			"as windows-1252, shift_jis, gb18030", name)
	}
	if found, err := htmlindex.Name(e); err == nil {
		name = found
	}
	if name == "utf-8" {
		e = nil
	}
	return Charset{strings.ToLower(name), e}, nil
}

// Name is the character set's name.
func (c Charset) Name() string {
	if c.name == "" {
		return Auto
	}
	return c.name
}

// marks are the byte order marks, a longer one before its beginning.
var marks = []struct {
	mark     string
	name     string
	encoding encoding.Encoding
}{
	{"\xef\xbb\xbf", "UTF-8", nil},
	{"\xff\xfe\x00\x00", "UTF-32", utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)},
	{"\x00\x00\xfe\xff", "UTF-32", utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)},
	{"\xff\xfe", "UTF-16", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
	{"\xfe\xff", "UTF-16", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
}

// Decode returns text without its byte order mark, which counts for more than the character set's name.
func (c Charset) Decode(data []byte) (string, error) {
	for _, m := range marks {
		if rest, ok := bytes.CutPrefix(data, []byte(m.mark)); ok {
			return decode(rest, len(m.mark), m.name, m.encoding, "its byte order mark says")
		}
	}
	if c.encoding == nil {
		text, err := decode(data, 0, "UTF-8", nil, "")
		if err != nil && c.name == "" {
			err = fmt.Errorf("%w; name the encoding, as --encoding windows-1252", err)
		}
		return text, err
	}
	return decode(data, 0, c.name, c.encoding, "--encoding says")
}

// decode decodes data that begins at a place of its file.
func decode(data []byte, at int, name string, e encoding.Encoding, who string) (string, error) {
	if e == nil {
		if bad := InvalidUTF8(data); bad >= 0 {
			return "", fmt.Errorf("byte %#02x at %d is not UTF-8", data[bad], at+bad)
		}
		return string(data), nil
	}
	out, err := e.NewDecoder().Bytes(data)
	if err != nil {
		return "", fmt.Errorf("not %s, which %s: %w", name, who, err)
	}
	if bad := bytes.Index(out, []byte("\ufffd")); bad >= 0 {
		line := 1 + bytes.Count(out[:bad], []byte("\n"))
		return "", fmt.Errorf("not %s, which %s: line %d, after %q", name, who, line, lastWords(out[:bad]))
	}
	return string(out), nil
}

// lastWords is the end of a text, in at most 20 bytes.
func lastWords(text []byte) string {
	from := max(len(text)-20, 0)
	for from < len(text) && !utf8.RuneStart(text[from]) {
		from++
	}
	return string(text[from:])
}

// InvalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func InvalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
