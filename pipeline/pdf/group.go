package pdf

import (
	"math"
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
	text  strings.Builder
	skip  int // the character that was written with the one before
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
		if g.text.Len() > 0 {
			g.text.WriteByte(' ')
		}
		return
	case c.Text == "":
		return
	}
	box := g.box(c)
	left, top, right, bottom := g.frame.place(c.PointPosition)
	if g.text.Len() > 0 && (box != g.at || c.Angle != g.angle) {
		g.flush()
	}
	text, taken := g.compose(chars, i)
	if taken {
		g.skip = i + 1
		l, t, rt, b := g.frame.place(chars[i+1].PointPosition)
		left, top, right, bottom = min(left, l), min(top, t), max(right, rt), max(bottom, b)
	}
	if g.text.Len() == 0 {
		g.at, g.angle = box, c.Angle
		g.run = run{left: left, top: top, right: right, bottom: bottom}
	}
	o := &g.run
	o.left, o.top = min(o.left, left), min(o.top, top)
	o.right, o.bottom = max(o.right, right), max(o.bottom, bottom)
	g.text.WriteString(text)
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

func (g *grouper) flush() {
	if g.text.Len() == 0 {
		return
	}
	r := g.run
	r.text = clean(g.text.String())
	if g.at < len(g.boxes) && g.boxes[g.at].FontInformation != nil {
		r.font(g.boxes[g.at].FontInformation)
	}
	if !(r.size > 1 && r.size < 1000) {
		r.size = math.Max(r.bottom-r.top, 1)
	}
	g.page.put(r, g.angle)
	g.text.Reset()
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
	if i > 0 && under(chars[i-1], middle) && g.text.Len() > 0 {
		return string(mark), false
	}
	return c.Text, false
}

// under reports whether a letter stands under a place.
func under(c *responses.GetPageTextStructuredChar, x float64) bool {
	r, _ := utf8.DecodeRuneInString(c.Text)
	return unicode.IsLetter(r) && c.PointPosition.Left <= x && x <= c.PointPosition.Right
}
