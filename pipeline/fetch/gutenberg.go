package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"longlora/pipeline/source"
)

// cleanings is the table of cleanings. Each returns the content that is kept and completes what is
// known of it.
func cleanings() map[string]func(io.Reader, *source.Origin) (io.Reader, error) {
	return map[string]func(io.Reader, *source.Origin) (io.Reader, error){
		"":          func(r io.Reader, _ *source.Origin) (io.Reader, error) { return r, nil },
		"gutenberg": cleanGutenberg,
	}
}

// mostBook bounds a book, in bytes.
const mostBook = 256 << 20

// The lines between which Project Gutenberg's books lie, in their newer and older forms.
var (
	bookStart = regexp.MustCompile(`(?mi)^[ \t]*\*{3} ?START OF (THE|THIS) PROJECT GUTENBERG[^\n]*\n`)
	bookEnd   = regexp.MustCompile(`(?mi)^[ \t]*(\*{3} ?END OF (THE|THIS) PROJECT GUTENBERG|` +
		`End of (the |this )?Project Gutenberg('s)?)`)
	bookField = regexp.MustCompile(`(?m)^(Title|Language|Author): *([^\n]+?) *$`)
)

// bookLanguages are the names of languages in headers.
var bookLanguages = map[string]string{
	"english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it",
	"portuguese": "pt", "dutch": "nl", "finnish": "fi", "swedish": "sv", "danish": "da",
	"latin": "la", "greek": "el", "chinese": "zh", "japanese": "ja", "polish": "pl",
	"hungarian": "hu", "russian": "ru", "esperanto": "eo", "catalan": "ca", "welsh": "cy",
}

// The licences that headers speak of.
const (
	publicDomain      = "LicenseRef-public-domain"
	copyrightedEBook  = "LicenseRef-Project-Gutenberg-copyrighted"
	freeUseMark       = "is for the use of anyone anywhere"
	copyrightedMark   = "copyrighted project gutenberg"
	latinCharsetMark  = "Character set encoding: ISO-8859-1"
	headerBytesAtMost = 1 << 16
)

// cleanGutenberg takes header and footer off a book, and reads title, language and licence there. A
// book whose header does not say what it may be used for is refused.
func cleanGutenberg(r io.Reader, o *source.Origin) (io.Reader, error) {
	data, err := io.ReadAll(io.LimitReader(r, mostBook+1))
	if err != nil {
		return nil, err
	}
	if len(data) > mostBook {
		return nil, fmt.Errorf("a book of more than %d bytes", mostBook)
	}
	text, err := decodeBook(data)
	if err != nil {
		return nil, err
	}
	start := bookStart.FindStringIndex(text)
	if start == nil || start[0] > headerBytesAtMost {
		return nil, errors.New("no line says where the book begins: not a text of Project Gutenberg")
	}
	header, body := text[:start[0]], text[start[1]:]
	if end := bookEnd.FindStringIndex(body); end != nil {
		header, body = header+body[end[0]:], body[:end[0]]
	} else {
		return nil, errors.New("no line says where the book ends: it was cut off")
	}
	for _, f := range bookField.FindAllStringSubmatch(header, -1) {
		switch {
		case f[1] == "Title" && o.Title == "":
			o.Title = f[2]
		case f[1] == "Language" && o.Language == "":
			o.Language = bookLanguages[strings.ToLower(f[2])]
		}
	}
	switch lower := strings.ToLower(strings.Join(strings.Fields(header), " ")); {
	case strings.Contains(lower, copyrightedMark):
		o.Licence = copyrightedEBook
	case strings.Contains(lower, freeUseMark):
		o.Licence = publicDomain
	default:
		return nil, errors.New("its header does not say what it may be used for")
	}
	return strings.NewReader(strings.TrimSpace(body) + "\n"), nil
}

// decodeBook returns a book as UTF-8 with plain line ends.
func decodeBook(data []byte) (string, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		if !bytes.Contains(data, []byte(latinCharsetMark)) {
			return "", errors.New("neither UTF-8 nor ISO-8859-1 by its header")
		}
		var err error
		if data, err = charmap.ISO8859_1.NewDecoder().Bytes(data); err != nil {
			return "", err
		}
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n"), nil
}
