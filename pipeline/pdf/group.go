package pdf

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klippa-app/go-pdfium/responses"
	"golang.org/x/text/unicode/norm"
)

// grouper makes runs of characters that share a font and a line.
type grouper struct {
	page  *page
	frame frame
	boxes []*responses.GetPageTextStructuredRect
	at    int // the box of the last character
	run   run
	angle float64
	text  []byte
	// glyphs are the letters of the run, for accents that come later.
	glyphs []glyph
	skip   int // the character that was written with the one before
}

// glyph is a letter of a run: the end of its text, and its place.
type glyph struct {
	end         int
	left, right float64
	middle      float64
}

// lookAhead is how many boxes further the box of a character may be; boxes of spaces are passed over.
const lookAhead = 8

// add takes the character i.
func (g *grouper) add(chars []*responses.GetPageTextStructuredChar, i int) {
	c := chars[i]
	r, _ := utf8.DecodeRuneInString(c.Text)
	switch {
	case g.skip == i && i > 0:
		return
	case c.Text == "\r" || c.Text == "\n":
		g.flush()
		return
	case unicode.IsSpace(r):
		if len(g.text) > 0 {
			g.text = append(g.text, ' ')
		}
		return
	case c.Text == "":
		return
	}
	box := g.box(c)
	left, top, right, bottom := g.frame.place(c.PointPosition)
	if g.isLate(r, left, right, (top+bottom)/2) {
		return
	}
	if len(g.text) > 0 && (box != g.at || c.Angle != g.angle || g.parts(left, right, c.Angle)) {
		g.flush()
	}
	text, taken := g.compose(chars, i)
	if taken {
		g.skip = i + 1
		l, t, rt, b := g.frame.place(chars[i+1].PointPosition)
		left, top, right, bottom = min(left, l), min(top, t), max(right, rt), max(bottom, b)
	}
	if len(g.text) == 0 {
		g.at, g.angle = box, c.Angle
		g.run = run{left: left, top: top, right: right, bottom: bottom}
	}
	o := &g.run
	o.left, o.top = min(o.left, left), min(o.top, top)
	o.right, o.bottom = max(o.right, right), max(o.bottom, bottom)
	g.text = append(g.text, text...)
	g.glyphs = append(g.glyphs, glyph{len(g.text), left, right, (top + bottom) / 2})
}

// parts reports whether a character stands too far from the run to go on with it: PDFium's boxes go on
// over the gaps between the cells of a table, and over lines that stand on their side.
func (g *grouper) parts(left, right, angle float64) bool {
	if angle == 0 {
		return left-g.run.right > maxGap*g.size()+0.1*g.size()
	}
	last := g.glyphs[len(g.glyphs)-1]
	return math.Abs(math.Sin(angle)) > 0.7 && math.Abs(left+right-last.left-last.right) > 1.6*g.size()
}

// size is that of the run's font, or about it.
func (g *grouper) size() float64 {
	var r run
	if g.at < len(g.boxes) && g.boxes[g.at].FontInformation != nil {
		r.font(g.boxes[g.at].FontInformation)
	}
	if !(r.size > 1 && r.size < 1000) {
		r.size = math.Max(g.run.bottom-g.run.top, 1)
	}
	return r.size
}

// box finds the box that holds a character: the present one, or one soon after.
func (g *grouper) box(c *responses.GetPageTextStructuredChar) int {
	for i := g.at; i < min(g.at+lookAhead, len(g.boxes)); i++ {
		if holds(g.boxes[i].PointPosition, c.PointPosition) {
			return i
		}
	}
	return g.at
}

func holds(b, c responses.CharPosition) bool {
	const slack = 0.01 // points; boxes are float32
	return c.Left >= b.Left-slack && c.Right <= b.Right+slack && c.Bottom >= b.Bottom-slack &&
		c.Top <= b.Top+slack
}

// spaces are more than one.
var spaces = regexp.MustCompile(` {2,}`)

func (g *grouper) flush() {
	if len(g.text) == 0 {
		return
	}
	r := g.run
	r.text = clean(norm.NFC.String(string(g.text)))
	if g.at < len(g.boxes) && g.boxes[g.at].FontInformation != nil {
		r.font(g.boxes[g.at].FontInformation)
	}
	r.size = g.size()
	r.rises = g.glyphs[len(g.glyphs)-1].middle < g.glyphs[0].middle
	if !r.mono {
		r.text = spaces.ReplaceAllString(r.text, " ")
	}
	g.page.put(r, g.angle)
	g.text, g.glyphs = g.text[:0], g.glyphs[:0]
}

// accents are the marks that some fonts set over a letter as a character of their own, with the
// combining character that means the same.
var accents = map[rune]rune{
	'´': '\u0301', '`': '\u0300', '¨': '\u0308', 'ˆ': '\u0302', '˜': '\u0303', '¯': '\u0304',
	'˘': '\u0306', '˙': '\u0307', '˚': '\u030a', 'ˇ': '\u030c', '˝': '\u030b', '¸': '\u0327',
}

// compose joins an accent and the letter that it is set over, if the letter comes next.
func (g *grouper) compose(chars []*responses.GetPageTextStructuredChar, i int) (text string, taken bool) {
	c := chars[i]
	r, _ := utf8.DecodeRuneInString(c.Text)
	mark, isAccent := accents[r]
	if !isAccent {
		return c.Text, false
	}
	middle := (c.PointPosition.Left + c.PointPosition.Right) / 2
	if i+1 < len(chars) && under(chars[i+1], middle) {
		letter := strings.Replace(strings.Replace(chars[i+1].Text, "ı", "i", 1), "ȷ", "j", 1)
		return norm.NFC.String(letter + string(mark)), true
	}
	return c.Text, false
}

// isLate sets an accent over a letter that came before, if it stands over one, and reports whether it
// does.
func (g *grouper) isLate(accent rune, left, right, middle float64) bool {
	mark, ok := accents[accent]
	if !ok {
		return false
	}
	x := (left + right) / 2
	for i := len(g.glyphs) - 1; i >= 0; i-- {
		o := g.glyphs[i]
		letter, _ := utf8.DecodeLastRune(g.text[:o.end])
		if x < o.left || x > o.right || math.Abs(middle-o.middle) > right-left+o.right-o.left ||
			!unicode.IsLetter(letter) {
			continue
		}
		g.text = slices.Insert(g.text, o.end, []byte(string(mark))...)
		for j := i; j < len(g.glyphs); j++ {
			g.glyphs[j].end += utf8.RuneLen(mark)
		}
		return true
	}
	return false
}

// under reports whether a letter stands under a place.
func under(c *responses.GetPageTextStructuredChar, x float64) bool {
	r, _ := utf8.DecodeRuneInString(c.Text)
	return unicode.IsLetter(r) && c.PointPosition.Left <= x && x <= c.PointPosition.Right
}
