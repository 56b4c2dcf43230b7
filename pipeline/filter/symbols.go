package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"longlora/schemas"
)

// The bounds of MassiveText's quality filter (Rae et al. 2021, "Scaling Language Models", A1.1).
const (
	maxSymbols       = 0.10 // hash marks and ellipses for each word
	minLetterWords   = 0.80 // of the words hold a letter
	maxBulletLines   = 0.90 // of the lines begin with a bullet
	maxEllipsisLines = 0.30 // of the lines end with an ellipsis
)

// symbols drops texts that are mostly marks, numbers or lists.
type symbols struct{}

func newSymbols(Options) Filter { return symbols{} }

func (symbols) Check(d *schemas.Document) (reason, detail string) {
	words, letters := countWords(d.Text)
	if words < minWords {
		return "", ""
	}
	marks := strings.Count(d.Text, "#") + strings.Count(d.Text, "...") + strings.Count(d.Text, "…")
	if part := float64(marks) / float64(words); part > maxSymbols {
		return "symbols: marks", fmt.Sprintf("%.3f a word, at most %.2f wanted", part, maxSymbols)
	}
	if part := float64(letters) / float64(words); part < minLetterWords {
		return "symbols: words without letters",
			fmt.Sprintf("%.3f of them have letters, at least %.2f wanted", part, minLetterWords)
	}
	lines, bullets, ellipses := countLines(d.Text)
	if part := float64(bullets) / float64(lines); part > maxBulletLines {
		return "symbols: bullets", fmt.Sprintf("%.3f of the lines, at most %.2f wanted", part,
			maxBulletLines)
	}
	if part := float64(ellipses) / float64(lines); part > maxEllipsisLines {
		return "symbols: ellipses", fmt.Sprintf("%.3f of the lines, at most %.2f wanted", part,
			maxEllipsisLines)
	}
	return "", ""
}

// countWords counts the words between white space, and those that hold a letter.
func countWords(text string) (words, letters int) {
	inside, letter := false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			inside, letter = true, true
			continue
		case c > ' ' && c < utf8.RuneSelf || c < '\t' || c > '\r' && c < ' ':
			inside = true
			continue
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(text[i:])
			i += size - 1
			if !unicode.IsSpace(r) {
				inside, letter = true, letter || unicode.IsLetter(r)
				continue
			}
		}
		if inside {
			words++
			if letter {
				letters++
			}
		}
		inside, letter = false, false
	}
	if inside {
		words++
		if letter {
			letters++
		}
	}
	return words, letters
}

// countLines counts the lines that are not empty, and those among them with a bullet or an ellipsis.
func countLines(text string) (lines, bullets, ellipses int) {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		lines++
		if r, _ := utf8.DecodeRuneInString(line); strings.ContainsRune("-*•‣◦▪●–", r) {
			bullets++
		}
		if strings.HasSuffix(line, "...") || strings.HasSuffix(line, "…") {
			ellipses++
		}
	}
	return lines, bullets, ellipses
}
