package pdf

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a block of text is.
type kind int

const (
	paragraph kind = iota
	small          // a note or a caption, in smaller letters
	heading
	listing
	table
	item
)

// block is a paragraph, a heading, a listing or a table.
type block struct {
	kind  kind
	text  string
	level int // of a heading, from 1
	size  float64
	// full says that the last line goes to the end of its column, leads that the first is the first
	// line of a column and not indented.
	full, leads bool
}

// composer turns lines into blocks.
type composer struct {
	body   float64 // size of the letters of most of the text
	words  map[string]bool
	blocks []block
}

// compose writes pages as Markdown and returns the largest heading of the first page.
func compose(pages []page) (text, title string) {
	all := make([][]piece, 0, len(pages))
	var heights []float64
	for _, p := range pages {
		all = append(all, dropLineNumbers(pieces(p.runs)))
		heights = append(heights, p.height)
		for _, runs := range [][]run{p.vertical, p.turned} {
			if len(runs) > 0 {
				all = append(all, pieces(runs))
				heights = append(heights, p.width)
			}
		}
	}
	dropFurniture(all, heights)
	c := composer{body: bodySize(all), words: vocabulary(all)}
	known := commonGutter(all)
	for i, pieces := range all {
		for _, col := range pageColumns(pieces, known, i == 0) {
			c.column(col, i == 0)
		}
	}
	return c.write()
}

// pageColumns orders the pieces of a page; on the first, the blocks of authors are columns of their own,
// after what stands above them.
func pageColumns(all []piece, known *gutter, first bool) []column {
	if !first || len(all) == 0 || len(all) > maxPieces {
		return layout(all, known)
	}
	blocks, rest := authorBlocks(all)
	if blocks == nil {
		return layout(all, known)
	}
	top := boxOf(blocks[0]).top
	var above, below []piece
	for _, p := range rest {
		if p.top < top {
			above = append(above, p)
		} else {
			below = append(below, p)
		}
	}
	columns := layout(above, nil)
	for _, b := range blocks {
		box := boxOf(b)
		columns = append(columns, column{box.left, box.right, lines(b)})
	}
	return append(columns, layout(below, known)...)
}

// bodySize is the size in which most characters are set.
func bodySize(pages [][]piece) float64 {
	count := map[float64]int{}
	for _, pieces := range pages {
		for _, p := range pieces {
			count[math.Round(p.size*4)/4] += len(p.text)
		}
	}
	size, most := 10.0, 0
	for s, n := range count {
		if n > most || n == most && s < size {
			size, most = s, n
		}
	}
	return size
}

// vocabulary holds the words of the text that are not cut by the end of a line, hyphens included.
func vocabulary(pages [][]piece) map[string]bool {
	words := map[string]bool{}
	for _, pieces := range pages {
		for _, p := range pieces {
			fields := strings.Fields(p.text)
			for i, w := range fields {
				if i == len(fields)-1 && endsInHyphen(w) {
					continue
				}
				words[strings.ToLower(strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }))] = true
			}
		}
	}
	return words
}

// commonGutter is the gutter of most pages of a document in columns, or nil.
func commonGutter(pages [][]piece) *gutter {
	var found []gutter
	for _, pieces := range pages {
		if len(pieces) == 0 || len(pieces) > maxPieces {
			continue
		}
		left, right := extent(pieces)
		if g, ok := findGutter(pieces, left, right); ok {
			found = append(found, g)
		}
	}
	if 2*len(found) < len(pages) || len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(a, b gutter) int {
		switch {
		case a.right < b.right:
			return -1
		case a.right > b.right:
			return 1
		}
		return 0
	})
	return &found[len(found)/2]
}

// column adds the blocks of a column.
func (c *composer) column(col column, first bool) {
	ls := col.lines
	for i := 0; i < len(ls); {
		n := c.listing(ls[i:])
		if n == 0 && c.isSectionLine(ls[i:]) {
			n = c.heading(ls[i:], col, first)
		}
		if n == 0 {
			n = c.table(ls[i:])
		}
		if n == 0 {
			n = c.heading(ls[i:], col, first)
		}
		if n == 0 {
			n = c.paragraph(ls[i:], col)
		}
		i += n
	}
}

// isSectionLine reports a heading whose number stands apart from it, which is no row of a table.
func (c *composer) isSectionLine(ls []line) bool {
	l := &ls[0]
	return len(l.cells) == 2 && numbered.MatchString(l.text) && (l.bold || l.size > 1.05*c.body) &&
		c.isHeading(ls, 0)
}

// listing takes lines of a typewriter's letters; two at least.
func (c *composer) listing(ls []line) int {
	n := 0
	left := math.Inf(1)
	for n < len(ls) && ls[n].mono && (n == 0 || ls[n].base-ls[n-1].base < 3*ls[n].size) {
		left = min(left, ls[n].left)
		n++
	}
	if n < 2 {
		return 0
	}
	var b strings.Builder
	for i, l := range ls[:n] {
		if i > 0 && l.base-ls[i-1].base > 1.9*l.size {
			b.WriteByte('\n')
		}
		indent := int(math.Round((l.left - left) / (0.525 * l.size)))
		b.WriteString(strings.Repeat(" ", min(indent, 60)) + hyphens(l.text) + "\n")
	}
	c.add(block{kind: listing, text: strings.TrimRight(b.String(), "\n")})
	return n
}

func hyphens(s string) string { return strings.ReplaceAll(s, string(lineHyphen), "-") }

// add appends a block, and joins it to the one that it continues.
func (c *composer) add(b block) {
	if b.kind == paragraph {
		if at := c.continued(b); at >= 0 {
			o := &c.blocks[at]
			o.text, o.full = c.joinLines(o.text, b.text), b.full
			return
		}
	}
	c.blocks = append(c.blocks, b)
}

// maxBetween is how many notes, captions and figures may part a paragraph at the end of a column.
const maxBetween = 24

// maxParagraph is more than any paragraph has, in bytes; what goes on is another.
const maxParagraph = 64 << 10

// continued returns the paragraph that b continues in another column or on another page, or -1: the
// last one in the same letters, if it does not end a sentence.
func (c *composer) continued(b block) int {
	r, _ := utf8.DecodeRuneInString(b.text)
	for i := len(c.blocks) - 1; i >= max(0, len(c.blocks)-maxBetween); i-- {
		o := &c.blocks[i]
		if o.kind == heading {
			return -1
		}
		if o.kind != paragraph && o.kind != item || math.Abs(o.size-b.size) > 0.06*b.size {
			continue
		}
		if len(o.text) < 120 && utf8.RuneCountInString(o.text) < 30 { // a label of a figure
			continue
		}
		if len(o.text) > maxParagraph {
			return -1
		}
		ended := endsSentence(noteMark.ReplaceAllString(o.text[max(0, len(o.text)-40):], ""))
		if endsInHyphen(o.text) && unicode.IsLetter(r) || !ended && unicode.IsLower(r) ||
			!ended && o.full && b.leads {
			return i
		}
		return -1
	}
	return -1
}

// noteMark is the number of a note after the end of a sentence or a clause.
var noteMark = regexp.MustCompile(`[0-9∗†‡§¶]{1,2}$`)

func endsSentence(s string) bool {
	s = strings.TrimRight(s, ")]\"'”’»")
	if s == "" {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(s)
	return strings.ContainsRune(".!?:;。！？", r)
}

func endsInHyphen(s string) bool {
	r, size := utf8.DecodeLastRuneInString(s)
	if r != '-' && r != lineHyphen && r != '‐' {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(s[:len(s)-size])
	return unicode.IsLetter(before)
}

// joinLines joins two lines of a paragraph. A hyphen at the end of the first goes if the word is known
// without it, or not known with it.
func (c *composer) joinLines(a, b string) string {
	a, b = strings.TrimRight(a, " "), strings.TrimLeft(b, " ")
	if a == "" || b == "" {
		return a + b
	}
	last, _ := utf8.DecodeLastRuneInString(a)
	next, _ := utf8.DecodeRuneInString(b)
	if !endsInHyphen(a) || !unicode.IsLetter(next) {
		if isWide(last) && isWide(next) || runsOn(a, last, next) {
			return a + b
		}
		return a + " " + b
	}
	_, size := utf8.DecodeLastRuneInString(a)
	stem := a[:len(a)-size]
	if c.keepsHyphen(lastWord(stem), firstWord(b)) {
		return stem + "-" + b
	}
	return stem + b
}

// runsOn reports a line that was broken within a number or an address: after a dash between digits, or a
// slash.
func runsOn(a string, last, next rune) bool {
	before, _ := utf8.DecodeLastRuneInString(strings.TrimRight(a, "–-/"))
	switch last {
	case '–', '-':
		return unicode.IsDigit(before) && unicode.IsDigit(next)
	case '/':
		return strings.Contains(lastField(a), "://")
	}
	return false
}

func lastField(s string) string {
	return s[strings.LastIndexByte(s, ' ')+1:]
}

// keepsHyphen reports whether the two halves are written with a hyphen.
func (c *composer) keepsHyphen(first, second string) bool {
	first, second = strings.ToLower(first), strings.ToLower(second)
	switch {
	case c.words[first+second]:
		return false
	case c.words[first+"-"+second], strings.Contains(first, "-"):
		return true
	}
	r, _ := utf8.DecodeRuneInString(second)
	return !unicode.IsLetter(r) || c.isCompound(first, second)
}

// isCompound reports whether two halves of a word that the text has nowhere else are words of their
// own, as in automatically-detected. Short ones, and those that often begin longer words, prove
// nothing.
func (c *composer) isCompound(first, second string) bool {
	return len(first) >= 4 && len(second) >= 4 && c.words[first] && c.words[second] &&
		!slices.Contains(beginnings, first)
}

// beginnings are words that begin others without a hyphen.
var beginnings = []string{
	"over", "under", "inter", "with", "some", "every", "counter", "back", "down", "after", "hand", "head",
	"work", "home", "fore", "out", "super", "micro", "meta", "data", "time", "book", "land", "life",
	"market", "news", "note", "play", "road", "there", "where", "else", "further", "never", "more",
	"through", "hyper", "ultra", "semi", "multi", "under", "photo", "electro", "thermo", "auto", "trans",
	"contra", "main", "side", "step", "bench", "fire", "water", "wave", "frame", "block", "rain",
}

func lastWord(s string) string {
	i := strings.LastIndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' })
	if i >= 0 {
		_, size := utf8.DecodeRuneInString(s[i:])
		s = s[i+size:]
	}
	return s
}

func firstWord(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' }); i >= 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, "-")
}

// isWide reports whether a script is written without spaces.
func isWide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r >= 0x3000 && r <= 0x303f ||
		r >= 0xff00 && r <= 0xff60
}
