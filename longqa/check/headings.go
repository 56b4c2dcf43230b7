package check

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"longlora/schemas"
)

// head is a heading of a text.
type head struct {
	at   int
	text string
}

// headings reads the headings of a text of a corpus, by the conventions that a row names. It goes
// through the lines once.
func headings(text, conventions string, eachLine bool) []head {
	var all []head
	for _, convention := range strings.Fields(conventions) {
		if convention == "markdown" {
			all = append(all, hashes(text, eachLine)...)
		} else {
			all = append(all, plain(text, convention, eachLine)...)
		}
	}
	return all
}

// block is a paragraph by its first line and number of lines.
type block struct {
	at    int
	lines []string
}

func blocks(text string, eachLine bool) []block {
	var all []block
	at, open := 0, false
	for _, line := range strings.SplitAfter(text, "\n") {
		if strings.TrimSpace(line) == "" {
			open = false
		} else {
			if !open || eachLine {
				all = append(all, block{at: at})
			}
			open = true
			last := &all[len(all)-1]
			last.lines = append(last.lines, strings.TrimRight(line, "\n"))
		}
		at += len(line)
	}
	return all
}

// hashes reads Markdown.
func hashes(text string, eachLine bool) []head {
	var all []head
	inCode := false
	for _, b := range blocks(text, eachLine) {
		first := b.lines[0]
		level := len(first) - len(strings.TrimLeft(first, "#"))
		switch {
		case inCode:
		case level >= 1 && level <= 6 && strings.HasPrefix(first[level:], " "):
			title := strings.TrimSpace(first[level:])
			if i := strings.LastIndex(title, "{#"); i >= 0 && strings.HasSuffix(title, "}") {
				title = title[:i]
			}
			if title = strings.Trim(title, "# ¶§"); title != "" {
				all = append(all, head{b.at, strings.Join(strings.Fields(title), " ")})
			}
		case len(b.lines) > 1 && ruled(b.lines[1]):
			all = append(all, head{b.at, strings.Join(strings.Fields(first), " ")})
		}
		for _, line := range b.lines {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				inCode = !inCode
			}
		}
	}
	return all
}

// ruled reports whether a line underlines the one above.
func ruled(line string) bool {
	line = strings.TrimRight(line, " \t\r\f\v")
	return line != "" && (strings.Trim(line, "=") == "" || strings.Trim(line, "-") == "")
}

// plain reads one convention of plain text. Four headings and more in a row are a table of
// contents.
func plain(text, convention string, eachLine bool) []head {
	var all, run []head
	for _, b := range blocks(text, eachLine) {
		line := strings.TrimSpace(strings.TrimPrefix(b.lines[0], "\ufeff"))
		if len([]rune(line)) <= 90 && keeps(line, convention, len(b.lines) == 1) {
			run = append(run, head{b.at, strings.Join(strings.Fields(line), " ")})
			continue
		}
		if len(run) < 4 {
			all = append(all, run...)
		}
		run = nil
	}
	if len(run) < 4 {
		all = append(all, run...)
	}
	return all
}

func keeps(line, convention string, single bool) bool {
	switch convention {
	case "chapters":
		return chapter(line) || single && isOneOf(strings.ToLower(strings.TrimSuffix(line, ".")),
			"preface prologue epilogue introduction conclusion foreword afterword préface avant-propos "+
				"épilogue vorwort nachwort einleitung prólogo epílogo передмова епілог 序言 前言 后记")
	case "numerals":
		return single && roman(strings.TrimSuffix(line, "."))
	case "numbered":
		return single && numbered(line)
	}
	return false
}

func isOneOf(word, list string) bool {
	for _, w := range strings.Fields(list) {
		if w == word {
			return true
		}
	}
	return false
}

func roman(word string) bool { return word != "" && strings.Trim(word, "IVXLC") == "" }

// chapter reads a line as "CHAPTER IV. Of the rest" word by word.
func chapter(line string) bool {
	if r := []rune(line); r[0] == '第' {
		return chapterHan(r[1:])
	}
	word, rest, ok := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	titled := strings.ToUpper(word) == word || word[1:] == strings.ToLower(word[1:]) ||
		onlyFirstUpper(word)
	if !ok || !titled || word == strings.ToLower(word) || !isOneOf(strings.ToLower(word),
		"chapter chap. book part volume vol. act scene canto letter stave appendix chapitre livre partie "+
			"tome acte scène kapitel buch teil akt szene aufzug auftritt capítulo libro parte tomo acto "+
			"escena розділ глава частина книга дія capitulo") || word == "Capitulo" {
		return false
	}
	rest = strings.TrimLeft(rest, " ")
	end := strings.IndexFunc(rest, func(r rune) bool { return strings.ContainsRune(" .:—–-", r) })
	if strings.HasPrefix(strings.ToLower(rest), "the ") {
		rest = rest[len("the "):]
		end = strings.IndexFunc(rest, func(r rune) bool { return strings.ContainsRune(" .:—–-", r) })
		if end < 0 {
			end = len(rest)
		}
		return ordinal(rest[:end]) && separated(rest[end:])
	}
	if end < 0 {
		end = len(rest)
	}
	return number(rest[:end]) && separated(rest[end:])
}

func onlyFirstUpper(word string) bool {
	for i, r := range word {
		if i > 0 && unicode.IsUpper(r) {
			return false
		}
	}
	return true
}

func number(word string) bool {
	_, err := strconv.Atoi(word)
	return roman(word) || err == nil && len(word) <= 3 && word[0] != '-' && word[0] != '+' ||
		ordinal(word)
}

func ordinal(word string) bool {
	return isOneOf(strings.ToLower(word), "one two three four five six seven eight nine ten eleven twelve "+
		"thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty first second third fourth "+
		"fifth sixth seventh eighth ninth tenth last premier première deuxième seconde troisième quatrième "+
		"cinquième sixième dernier dernière erstes erster erste zweites zweiter zweite drittes dritter "+
		"dritte viertes vierter fünftes fünfter primero primera segundo segunda tercero tercera cuarto "+
		"cuarta quinto quinta перша перший друга другий третя третій четверта четвертий")
}

// separated reports whether what follows a number is nothing, or set off from it.
func separated(rest string) bool {
	rest = strings.TrimLeft(rest, " ")
	return rest == "" || strings.ContainsRune(".:—–-", []rune(rest)[0])
}

func chapterHan(r []rune) bool {
	i := 0
	for i < len(r) && (r[i] == ' ' || r[i] == '\t') && i < 1 {
		i++
	}
	n := 0
	for i < len(r) && strings.ContainsRune("一二三四五六七八九十百零〇0123456789", r[i]) && n < 6 {
		i, n = i+1, n+1
	}
	if i < len(r) && (r[i] == ' ' || r[i] == '\t') {
		i++
	}
	if n == 0 || i >= len(r) || !strings.ContainsRune("章回节節卷部篇", r[i]) {
		return false
	}
	return i+1 == len(r) || strings.ContainsRune(" \t　:：", r[i+1])
}

// numbered reads a line as "2.1 Title".
func numbered(line string) bool {
	word, rest, ok := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	rest = strings.TrimLeft(rest, " ")
	parts := strings.Split(strings.TrimSuffix(word, "."), ".")
	if !ok || len(parts) > 4 || rest == "" || strings.ContainsAny(line[len(line)-1:], ".,;:?!") {
		return false
	}
	for _, p := range parts {
		if p == "" || len(p) > 2 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	r := []rune(rest)
	return (unicode.IsUpper(r[0]) || unicode.Is(unicode.Han, r[0])) && len(r) >= 2 && len(r) <= 71
}

// conventions are the headings of the row's context.
func (c *checker) headings(e *schemas.Example) []head {
	if e.Meta["headings"] == "" {
		names, at := labels(c.context)
		var all []head
		for i, n := range names {
			all = append(all, head{at[i], n})
		}
		return all
	}
	return headings(c.context, e.Meta["headings"], e.Meta["lines"] == "true")
}

func (c *checker) section(e *schemas.Example) error {
	sentence := e.Meta["sentence"]
	if err := asks(e, sentence); err != nil {
		return err
	}
	from, _, err := c.dense().only(sentence)
	if err != nil {
		return err
	}
	all := c.headings(e)
	above := head{at: -1}
	for _, h := range all {
		if h.at <= from && h.at > above.at {
			above = h
		}
	}
	times := 0
	for _, h := range all {
		if h.text == above.text {
			times++
		}
	}
	if above.text == "" || times != 1 {
		return fmt.Errorf("the heading %q stands %d times in the context", above.text, times)
	}
	if err := c.evidenceCovers(e, sentence); err != nil {
		return err
	}
	return saysOnly(e.Output, []string{above.text}, nil)
}

// titleOrder orders headings by the ends of their texts.
func (c *checker) titleOrder(e *schemas.Example, asked string) error {
	titles := strings.Split(asked, "\n")
	if len(titles) < 2 {
		return errors.New("there is nothing to order")
	}
	place := map[string]int{}
	all := c.headings(e)
	for _, t := range titles {
		if err := asks(e, t); err != nil {
			return err
		}
		n := 0
		for _, h := range all {
			if h.text == t || strings.HasSuffix(h.text, " "+t) || strings.HasSuffix(h.text, t) {
				n++
				place[t] = h.at
			}
		}
		if n != 1 {
			return fmt.Errorf("the heading %q stands %d times in the context", t, n)
		}
		if err := c.evidenceCovers(e, t); err != nil {
			return err
		}
	}
	return saysOnly(e.Output, inOrder(titles, place), nil)
}

// inOrder sorts texts by their places.
func inOrder(texts []string, place map[string]int) []string {
	out := append([]string(nil), texts...)
	for i := range out {
		for j := i + 1; j < len(out); j++ {
			if place[out[j]] < place[out[i]] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}
