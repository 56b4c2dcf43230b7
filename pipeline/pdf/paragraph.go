package pdf

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// paragraph takes the lines of one paragraph.
func (c *composer) paragraph(ls []line, col column) int {
	n := c.run(ls)
	hanging := isHanging(ls[:n], col)
	k := 1
	for k < n && !c.begins(ls, k, col, hanging) {
		k++
	}
	text := ls[0].text
	for _, l := range ls[1:k] {
		text = c.joinLines(text, l.text)
	}
	last := &ls[k-1]
	b := block{
		kind: paragraph, size: ls[0].size, full: last.right > col.right-2*last.size,
		leads: len(ls) == len(col.lines) && ls[0].left < col.left+0.7*ls[0].size,
	}
	if b.size < 0.93*c.body {
		b.kind = small
	}
	if rest, ok := bulleted(text); ok {
		b.kind, text = item, rest
	}
	b.text = text
	if strings.TrimSpace(text) != "" {
		c.add(b)
	}
	return k
}

// run counts the lines that are set alike: same letters, no heading, table or listing between.
func (c *composer) run(ls []line) int {
	n := 1
	for n < len(ls) && math.Abs(ls[n].size-ls[n-1].size) < 0.08*ls[n].size &&
		(!ls[n].mono || n+1 < len(ls) && !ls[n+1].mono) && len(ls[n].cells) < 2 && !c.isHeading(ls, n) {
		n++
	}
	return n
}

// isHanging reports whether paragraphs begin at the margin and go on indented, as in a bibliography.
func isHanging(ls []line, col column) bool {
	margin, indented := 0, 0
	left := math.Inf(1)
	for _, l := range ls {
		left = min(left, l.left)
	}
	for _, l := range ls {
		switch {
		case l.left < left+0.5*l.size:
			margin++
		case l.left < left+4*l.size:
			indented++
		}
	}
	return len(ls) >= 3 && indented >= margin && margin > 0
}

// begins reports whether the line k begins a paragraph.
func (c *composer) begins(ls []line, k int, col column, hanging bool) bool {
	l, before := &ls[k], &ls[k-1]
	pitch := l.base - before.base
	if l.raised && l.size < 0.95*c.body {
		return true
	}
	if pitch > 1.25*pitchOf(ls, c.body) && pitch > 1.3*l.size || pitch < -0.5*l.size {
		return true
	}
	if _, ok := bulleted(l.text); ok {
		return true
	}
	if endsInHyphen(before.text) && startsLower(l.text) {
		return false
	}
	left := math.Inf(1)
	for _, o := range ls[max(0, k-6):min(len(ls), k+6)] {
		left = min(left, o.left)
	}
	indented := l.left > left+0.7*l.size && l.left < left+6*l.size
	short := before.right < col.right-0.25*(col.right-col.left)
	switch {
	case hanging:
		return !indented && (before.left > left+0.7*l.size || endsSentence(before.text))
	case indented:
		return before.left < l.left-0.5*l.size && (endsSentence(before.text) || !startsLower(l.text)) ||
			short && endsSentence(before.text)
	}
	return short && endsSentence(before.text) && !startsLower(l.text) || l.bold && !before.bold &&
		endsSentence(before.text)
}

// pitchOf is the distance between most lines.
func pitchOf(ls []line, body float64) float64 {
	var all []float64
	for i := 1; i < min(len(ls), 60); i++ {
		if d := ls[i].base - ls[i-1].base; d > 0.5*body {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return 1.2 * body
	}
	slices.Sort(all)
	return all[len(all)/3]
}

func startsLower(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLower(r)
}

var bullet = regexp.MustCompile(`^[•◦▪■‣·∙●○–]\s+(\S.*)$`)

// bulleted returns the text of a list's item.
func bulleted(s string) (string, bool) {
	m := bullet.FindStringSubmatch(s)
	if m == nil {
		return s, false
	}
	return m[1], true
}

// numbered is a section's number before its heading.
var numbered = regexp.MustCompile(
	`^(?:(?:[Cc]hapter|CHAPTER|[Aa]ppendix|APPENDIX|[Ss]ection|[Pp]art|PART) )?` +
		`([0-9]{1,2}(?:\.[0-9]{1,2}){0,4}|[A-Z](?:\.[0-9]{1,2})*|[IVX]{1,6})[.:)]?\s+\S`)

// sections are headings that need no number to be known.
var sections = []string{
	"abstract", "introduction", "references", "bibliography", "acknowledgements", "acknowledgments",
	"acknowledgment", "acknowledgement", "appendix", "contents", "conclusion", "conclusions",
	"discussion", "results", "methods", "summary", "preface", "related work", "index",
}

const (
	maxHeadingChars = 160
	maxHeadingLines = 4
)

// isHeading reports whether the line k is a heading, or begins one.
func (c *composer) isHeading(ls []line, k int) bool {
	l := &ls[k]
	letters := 0
	for _, r := range l.text {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	n := utf8.RuneCountInString(l.text)
	if n > maxHeadingChars || letters < 3 || 2*letters < n || len(l.cells) > 2 || l.mono {
		return false
	}
	apart := k == 0 || l.base-ls[k-1].base > 1.25*l.size
	known := isSection(l.text)
	number := numbered.MatchString(l.text) && !startsLower(l.text)
	_, isItem := bulleted(l.text)
	full := k > 0 && !endsSentence(ls[k-1].text) && endsInHyphen(ls[k-1].text)
	switch {
	case full || isItem || strings.HasSuffix(l.text, ",") || !apart:
		return false
	case l.size > 1.15*c.body:
		return true
	case known:
		return true
	case l.bold && l.size > 0.95*c.body:
		return number || !strings.HasSuffix(l.text, ".") && (k+1 == len(ls) || !ls[k+1].bold ||
			ls[k+1].base-l.base > 1.6*l.size)
	case number && isUpper(l.text) && letters > 4:
		return true
	}
	return false
}

// isUpper reports whether all letters are capitals.
func isUpper(s string) bool {
	return strings.ToUpper(s) == s && strings.ToLower(s) != s
}

// heading takes a heading's lines, or none.
func (c *composer) heading(ls []line, col column, first bool) int {
	if !c.isHeading(ls, 0) {
		return 0
	}
	l, k := &ls[0], 1
	text := l.text
	for k < min(len(ls), maxHeadingLines) && math.Abs(ls[k].size-l.size) < 0.05*l.size &&
		ls[k].bold == l.bold && ls[k].base-ls[k-1].base < 1.7*l.size &&
		(l.size > 1.15*c.body || l.bold) && !numbered.MatchString(ls[k].text) && len(ls[k].cells) == 1 &&
		!isSection(ls[k].text) {
		text = c.joinLines(text, ls[k].text)
		k++
	}
	c.add(block{kind: heading, text: text, level: level(text), size: l.size})
	return k
}

// level is the depth that a heading's number says: 2 for a section, so that the title is alone.
func level(text string) int {
	m := numbered.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	return min(2+strings.Count(m[1], "."), 6)
}
