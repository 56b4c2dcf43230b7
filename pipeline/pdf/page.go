package pdf

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klippa-app/go-pdfium/responses"
)

// page is what PDFium found on a page. Coordinates are points from the upper left corner of the page
// as it is looked at.
type page struct {
	width, height float64
	runs          []run
	// turned are the runs that stand on their side, turned upright; they make a page of their own.
	turned []run
	// vertical are runs that are written from top to bottom, turned so that they go from left to right.
	vertical []run
	rising   int // letters of turned that go up the page, less those that go down
	// unmapped counts characters that have no Unicode value.
	unmapped int
}

// run is text of one font on one line, in one box. Boxes are those of the ink.
type run struct {
	text                     string
	left, top, right, bottom float64
	size                     float64 // of the font, in points
	bold, mono               bool
	rises                    bool // the last letter stands above the first
}

// frame is a page's visible box in PDF's coordinates, and how often it is turned clockwise by 90°.
type frame struct {
	left, right, top, bottom float64
	turns                    int
}

// place brings a box into the coordinates of a page.
func (f frame) place(p responses.CharPosition) (left, top, right, bottom float64) {
	l, r, t, b := p.Left-f.left, p.Right-f.left, f.top-p.Top, f.top-p.Bottom
	w, h := f.right-f.left, f.top-f.bottom
	switch f.turns {
	case 1:
		return h - b, l, h - t, r
	case 2:
		return w - r, h - b, w - l, h - t
	case 3:
		return t, w - r, b, w - l
	}
	return l, t, r, b
}

// newPage makes runs of characters. PDFium says which font stands in which box; the boxes come in the
// order of the characters that they hold.
func newPage(chars []*responses.GetPageTextStructuredChar,
	boxes []*responses.GetPageTextStructuredRect, f frame) page {
	p := page{width: f.right - f.left, height: f.top - f.bottom}
	if f.turns%2 == 1 {
		p.width, p.height = p.height, p.width
	}
	f.turnAngles(chars)
	chars = vertical(chars, f, &p)
	g := grouper{page: &p, frame: f, boxes: boxes}
	for i, c := range chars {
		p.unmapped += unmapped(c.Text)
		g.add(chars, i)
	}
	g.flush()
	p.turn()
	return p
}

// turnAngles turns the angles of characters, which PDFium measures clockwise on the page as it is
// stored, as the page is turned when it is looked at.
func (f frame) turnAngles(chars []*responses.GetPageTextStructuredChar) {
	if f.turns == 0 {
		return
	}
	for _, c := range chars {
		c.Angle = math.Mod(c.Angle+float64(f.turns)*math.Pi/2, 2*math.Pi)
		if math.Abs(math.Sin(c.Angle)) < 1e-3 && math.Cos(c.Angle) > 0 {
			c.Angle = 0
		}
	}
}

// put keeps a run if it is to be seen.
func (p *page) put(r run, angle float64) {
	switch {
	case strings.TrimSpace(r.text) == "":
	case r.right < 0 || r.bottom < 0 || r.left > p.width || r.top > p.height:
		// outside of what is shown
	case math.Abs(math.Sin(angle)) > 0.7 && utf8.RuneCountInString(r.text) > 1:
		if r.rises {
			p.rising += len(r.text)
		} else {
			p.rising -= len(r.text)
		}
		p.turned = append(p.turned, r)
	case len(p.runs) > 0 && r.repeats(p.runs[len(p.runs)-1]):
	default:
		p.runs = append(p.runs, r)
	}
}

// Flags of a font descriptor (ISO 32000-1, table 123).
const (
	fixedPitch = 1 << 0
	forceBold  = 1 << 18
)

// font sets size and style from what PDFium says of a font.
func (r *run) font(i *responses.FontInformation) {
	if r.size = i.RenderedSize; !(r.size > 1 && r.size < 1000) {
		r.size = i.Size
	}
	name := strings.ToLower(i.Name)
	r.mono = i.Flags&fixedPitch != 0 || isMono(name)
	r.bold = i.Flags&forceBold != 0 || i.Weight >= 600 || isBold(name)
}

func isBold(font string) bool {
	for _, part := range []string{
		"bold", "black", "heavy", "-medi", "cmbx", "cmssbx", "sfbx", "sfrb", "libertinetb",
	} {
		if strings.Contains(font, part) {
			return true
		}
	}
	return false
}

func isMono(font string) bool {
	for _, part := range []string{"mono", "courier", "cmtt", "consolas", "sftt", "typewriter", "txtt"} {
		if strings.Contains(font, part) {
			return true
		}
	}
	return false
}

// repeats reports whether the run is drawn over another of the same text, as a way to make it bold.
func (r run) repeats(o run) bool {
	return r.text == o.text && math.Abs(r.left-o.left) < 0.2*r.size &&
		math.Abs(r.top-o.top) < 0.2*r.size
}

// minTurned is the least number of characters on their side that are taken for content, as a table
// across the page; fewer are a stamp on the margin.
const minTurned = 200

// turn brings the standing runs upright, or drops them if they are few and not all that there is.
func (p *page) turn() {
	chars, upright := 0, 0
	for _, r := range p.turned {
		chars += len(r.text)
	}
	for _, r := range p.runs {
		upright += len(r.text)
	}
	if chars < minTurned && chars <= upright {
		p.turned = nil
		return
	}
	for i, r := range p.turned {
		if p.rising > 0 {
			r.left, r.right, r.top, r.bottom = p.height-r.bottom, p.height-r.top, r.left, r.right
		} else {
			r.left, r.right, r.top, r.bottom = r.top, r.bottom, p.width-r.right, p.width-r.left
		}
		p.turned[i] = r
	}
}

// lineHyphen is what PDFium writes for a hyphen at the end of a line.
const lineHyphen = '\x02'

// ligatures are written as their letters.
var ligatures = strings.NewReplacer("ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl",
	"ﬅ", "st", "ﬆ", "st", "\u00a0", " ", "\u00ad", string(lineHyphen), "\ufffe", string(lineHyphen),
	"\u200b", "", "\ufeff", "")

// clean drops control characters and what stands for no character, and takes ligatures apart.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\n' || r == '\t':
			return ' '
		case r == lineHyphen:
			return r
		case unicode.IsControl(r) || r == utf8.RuneError || isPrivate(r):
			return -1
		}
		return r
	}, ligatures.Replace(strings.ToValidUTF8(s, "")))
}

func isPrivate(r rune) bool {
	return r >= 0xe000 && r <= 0xf8ff || r >= 0xf0000 && r&0xffff != 0xffff ||
		r >= 0xfdd0 && r <= 0xfdef || r&0xffff == 0xffff
}

func unmapped(s string) (n int) {
	for _, r := range s {
		if r == utf8.RuneError || r == 0 || isPrivate(r) ||
			unicode.IsControl(r) && r != lineHyphen && r != '\r' && r != '\n' && r != '\t' {
			n++
		}
	}
	return n
}

// judge says why pages give no text.
func judge(pages []page) error {
	letters, lost := 0, 0
	for _, p := range pages {
		for _, runs := range [][]run{p.runs, p.turned, p.vertical} {
			for _, r := range runs {
				for _, c := range r.text {
					if unicode.IsLetter(c) || unicode.IsDigit(c) {
						letters++
					}
				}
			}
		}
		lost += p.unmapped
	}
	switch {
	case lost > letters:
		return ErrUnmapped
	case letters == 0 || letters < 10*len(pages) && len(pages) > 2:
		return ErrScanned
	}
	return nil
}
