package pdf

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klippa-app/go-pdfium/responses"
	"golang.org/x/text/unicode/norm"
)

// Chinese and Japanese may be written from top to bottom, in lines from right to left. PDFium hands out
// such lines one after the other, and boxes of letters without a height.

// letter is a character and where it stands.
type letter struct {
	text       string
	x, y       float64 // its middle
	left, top  float64
	right, low float64
}

// vertical takes the lines that are written from top to bottom out of a page's characters, as runs of
// a page that is turned so that they go from left to right; the others are left in place.
func vertical(chars []*responses.GetPageTextStructuredChar, f frame, p *page) (
	rest []*responses.GetPageTextStructuredChar) {
	for from := 0; from < len(chars); {
		to := from + 1
		for to < len(chars) && chars[to-1].Text != "\n" && chars[to-1].Text != "\r" {
			to++
		}
		if r, ok := verticalRun(chars[from:to], f, p.width); ok {
			p.vertical = append(p.vertical, r)
		} else {
			rest = append(rest, chars[from:to]...)
		}
		from = to
	}
	return rest
}

// verticalRun makes a run of a line, if it is one that goes down.
func verticalRun(line []*responses.GetPageTextStructuredChar, f frame, width float64) (run, bool) {
	var all []letter
	wide := 0
	for _, c := range line {
		r, _ := utf8.DecodeRuneInString(c.Text)
		if c.Text == "" || unicode.IsSpace(r) && r != '\u3000' || c.Angle != 0 {
			continue
		}
		l, t, rt, b := f.place(c.PointPosition)
		all = append(all, letter{c.Text, (l + rt) / 2, (t + b) / 2, l, t, rt, b})
		if isWide(r) {
			wide++
		}
	}
	if len(all) < 2 || 2*wide < len(all) || isBlank(all) {
		return run{}, false
	}
	var down, across float64
	var pitches []float64
	for i := 1; i < len(all); i++ {
		dx, dy := all[i].x-all[i-1].x, all[i].y-all[i-1].y
		across += math.Abs(dx)
		if dy > 0 {
			down += dy
			pitches = append(pitches, dy)
		}
	}
	if down < 3*across || len(pitches) < (len(all)+1)/2 {
		return run{}, false
	}
	slices.Sort(pitches)
	em := max(pitches[len(pitches)/2], 1)
	var text strings.Builder
	right := 0.0
	for _, l := range all {
		text.WriteString(l.text)
		right = max(right, l.right)
	}
	top := width - right
	return run{
		text: clean(norm.NFC.String(text.String())), left: all[0].y - em/2, right: all[len(all)-1].y + em/2,
		top: top, bottom: top + em, size: em,
	}, true
}

// isBlank reports letters that are all white space.
func isBlank(all []letter) bool {
	return !slices.ContainsFunc(all, func(l letter) bool { return strings.TrimSpace(l.text) != "" })
}
