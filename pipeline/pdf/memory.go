package pdf

import (
	"encoding/binary"
	"math"
	"reflect"

	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/responses"
)

// PDFium hands out characters by several calls each, and a call into WebAssembly that can be stopped
// takes about as long as the reading of a line. So the characters of a page are read where they lie:
// in the vector of CPDF_TextPage, in the instance's memory. Its layout is that of the PDFium that
// go.mod pins. It is held against what PDFium's functions say of some characters of every page; where
// they do not agree, the functions are asked for all.

// The layout of CPDF_TextPage and of CPDF_TextPage::CharInfo, in bytes.
const (
	vectorAt = 16 // begin and end of the vector of characters

	charSize  = 80
	unicodeAt = 4
	boxAt     = 20 // left, bottom, right, top: float32
	matrixAt  = 52 // a, b, c, d, e, f: float32
	objectAt  = 76 // the text object that the character is of
)

// glance is what is seen of a character.
type glance struct {
	char   rune
	box    [4]float32 // left, bottom, right, top
	matrix [6]float32
	object uint32
}

// guest is the memory of an instance.
type guest interface {
	Read(offset, count uint32) ([]byte, bool)
}

// samples is how many characters of a page are compared.
const samples = 6

// glances reads the characters of a text page, or nothing if they cannot be found or do not agree with
// PDFium's functions.
func (s *session) glances(text references.FPDF_TEXTPAGE, n int) []glance {
	raw := s.vector(text, n)
	if raw == nil {
		return nil
	}
	all := make([]glance, n)
	for i := range all {
		all[i].read(raw[i*charSize:])
	}
	for k := range samples {
		if i := k * (n - 1) / (samples - 1); !s.agrees(text, i, &all[i]) {
			return nil
		}
	}
	return all
}

func (g *glance) read(raw []byte) {
	float := func(at int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(raw[at:])) }
	g.char = rune(binary.LittleEndian.Uint32(raw[unicodeAt:]))
	g.object = binary.LittleEndian.Uint32(raw[objectAt:])
	for k := range g.box {
		g.box[k] = float(boxAt + 4*k)
	}
	for k := range g.matrix {
		g.matrix[k] = float(matrixAt + 4*k)
	}
}

// vector copies the characters out of the instance's memory. go-pdfium has no method for either; the
// fields that are read here are looked up by name, and where they are not there is no vector.
func (s *session) vector(text references.FPDF_TEXTPAGE, n int) (raw []byte) {
	defer func() {
		if recover() != nil {
			raw = nil
		}
	}()
	v := reflect.ValueOf(s.in.GetImplementation()).Elem()
	entry := v.FieldByName("textPageRefs").MapIndex(reflect.ValueOf(text))
	page := entry.Elem().FieldByName("handle").Elem()
	memory, ok := v.FieldByName("Module").MethodByName("Memory").Call(nil)[0].Interface().(guest)
	if !ok {
		return nil
	}
	bounds, ok := memory.Read(uint32(page.Uint())+vectorAt, 8)
	if !ok {
		return nil
	}
	begin, end := binary.LittleEndian.Uint32(bounds), binary.LittleEndian.Uint32(bounds[4:])
	if end < begin || uint64(end-begin) != uint64(n)*charSize {
		return nil
	}
	view, ok := memory.Read(begin, end-begin)
	if !ok {
		return nil
	}
	return append([]byte(nil), view...)
}

// agrees compares a character with what PDFium's functions say.
func (s *session) agrees(text references.FPDF_TEXTPAGE, i int, g *glance) bool {
	char, err := s.in.FPDFText_GetUnicode(&requests.FPDFText_GetUnicode{TextPage: text, Index: i})
	if err != nil || rune(char.Unicode) != g.char {
		return false
	}
	b, err := s.in.FPDFText_GetCharBox(&requests.FPDFText_GetCharBox{TextPage: text, Index: i})
	if err != nil || [4]float32{
		float32(b.Left), float32(b.Bottom), float32(b.Right), float32(b.Top),
	} != g.box {
		return false
	}
	m, err := s.in.FPDFText_GetMatrix(&requests.FPDFText_GetMatrix{TextPage: text, Index: i})
	if err != nil {
		return g.object == 0 // a character that PDFium made up has no matrix
	}
	return [6]float32{m.Matrix.A, m.Matrix.B, m.Matrix.C, m.Matrix.D, m.Matrix.E, m.Matrix.F} == g.matrix
}

// angle is that of a character, in radians clockwise, as PDFium has it.
func (g *glance) angle() float64 {
	a := float32(math.Atan2(float64(g.matrix[2]), float64(g.matrix[0])))
	if a < 0 {
		a += 2 * math.Pi
	}
	return float64(a)
}

// ascii are the texts of single characters, so that most need no memory of their own.
const ascii = "\x00\x01\x02\x03\x04\x05\x06\a\b\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17" +
	"\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh" +
	"ijklmnopqrstuvwxyz{|}~\x7f"

func (g *glance) text() string {
	switch {
	case g.char == 0:
		return ""
	case g.char > 0 && int(g.char) < len(ascii):
		return ascii[g.char : g.char+1]
	}
	return string(g.char)
}

// laidOut makes characters of what was seen, and of each text object's a box with its font.
func (s *session) laidOut(text references.FPDF_TEXTPAGE, all []glance) (
	[]*responses.GetPageTextStructuredChar, []*responses.GetPageTextStructuredRect) {
	backing := make([]responses.GetPageTextStructuredChar, len(all))
	chars := make([]*responses.GetPageTextStructuredChar, len(all))
	var boxes []*responses.GetPageTextStructuredRect
	fonts := map[uint32]*responses.FontInformation{}
	last := uint32(0)
	for i := range all {
		g := &all[i]
		at := responses.CharPosition{
			Left: float64(g.box[0]), Bottom: float64(g.box[1]), Right: float64(g.box[2]), Top: float64(g.box[3]),
		}
		backing[i] = responses.GetPageTextStructuredChar{Text: g.text(), Angle: g.angle(), PointPosition: at}
		chars[i] = &backing[i]
		if g.object == 0 || g.char <= ' ' {
			continue
		}
		if g.object == last {
			extend(&boxes[len(boxes)-1].PointPosition, at)
			continue
		}
		last = g.object
		if fonts[last] == nil {
			fonts[last] = s.font(text, i, g)
		}
		boxes = append(boxes, &responses.GetPageTextStructuredRect{
			PointPosition: at, FontInformation: fonts[last],
		})
	}
	return chars, boxes
}

func extend(box *responses.CharPosition, by responses.CharPosition) {
	box.Left, box.Bottom = min(box.Left, by.Left), min(box.Bottom, by.Bottom)
	box.Right, box.Top = max(box.Right, by.Right), max(box.Top, by.Top)
}

// font asks for the font of a character; what PDFium does not know stays zero.
func (s *session) font(text references.FPDF_TEXTPAGE, i int, g *glance) *responses.FontInformation {
	var f responses.FontInformation
	size, err := s.in.FPDFText_GetFontSize(&requests.FPDFText_GetFontSize{TextPage: text, Index: i})
	if err == nil {
		f.Size = size.FontSize
	}
	weight, err := s.in.FPDFText_GetFontWeight(&requests.FPDFText_GetFontWeight{TextPage: text, Index: i})
	if err == nil {
		f.Weight = weight.FontWeight
	}
	info, err := s.in.FPDFText_GetFontInfo(&requests.FPDFText_GetFontInfo{TextPage: text, Index: i})
	if err == nil {
		f.Name, f.Flags = info.FontName, info.Flags
	}
	f.RenderedSize = f.Size * math.Hypot(float64(g.matrix[2]), float64(g.matrix[3]))
	return &f
}
