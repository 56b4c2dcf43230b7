package pdf

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/klippa-app/go-pdfium"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/responses"
)

// session reads one file in one instance.
type session struct {
	ctx context.Context
	in  pdfium.Pdfium
	o   Options
	// quick is held while PDFium is asked for what it has at hand; it cannot be stopped then.
	quick sync.Mutex

	document references.FPDF_DOCUMENT
	pages    []page
	ask      bool // PDFium's functions for all characters; for tests
	seen     int  // pages whose characters were read where they lie
	title    string
}

// read opens the file and reads its pages.
func (s *session) read(data []byte) error {
	opened, err := s.in.OpenDocument(&requests.OpenDocument{File: &data})
	if err != nil {
		return openError(err)
	}
	s.document = opened.Document
	count, err := s.in.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: s.document})
	if err != nil || count.PageCount <= 0 {
		return ErrBroken
	}
	if count.PageCount > s.o.Pages {
		return fmt.Errorf("%w: %d pages, at most %d are read", ErrLimit, count.PageCount, s.o.Pages)
	}
	for i := range count.PageCount {
		if err := s.page(i); errors.Is(err, ErrLimit) {
			return fmt.Errorf("%w: page %d", err, i+1)
		} else if err != nil {
			return fmt.Errorf("%w: page %d of %d cannot be read", ErrBroken, i+1, count.PageCount)
		}
	}
	meta, err := s.in.FPDF_GetMetaText(&requests.FPDF_GetMetaText{Document: s.document, Tag: "Title"})
	if err == nil {
		s.title = strings.TrimSpace(clean(meta.Value))
	}
	return nil
}

func openError(err error) error {
	switch {
	case errors.Is(err, pdferrors.ErrPassword), errors.Is(err, pdferrors.ErrSecurity):
		return ErrEncrypted
	case strings.Contains(err.Error(), "alloc"), strings.Contains(err.Error(), "memory"):
		return ErrLimit
	}
	return ErrBroken
}

// maxPageChars is more than any page has that is meant for people.
const maxPageChars = 1 << 20

// page reads one page's runs. Parsing a page, which a hostile file can make long, can be stopped;
// handing out its characters takes a time that their number bounds.
func (s *session) page(i int) error {
	at := requests.Page{ByIndex: &requests.PageByIndex{Document: s.document, Index: i}}
	box, err := s.in.FPDF_GetPageBoundingBox(&requests.FPDF_GetPageBoundingBox{Page: at})
	if err != nil {
		return err
	}
	turned, err := s.in.FPDFPage_GetRotation(&requests.FPDFPage_GetRotation{Page: at})
	if err != nil {
		return err
	}
	chars, fonts, err := s.text(at)
	if err != nil {
		return err
	}
	s.pages = append(s.pages, newPage(chars, fonts, frame{
		left: float64(box.Rect.Left), right: float64(box.Rect.Right),
		top: float64(box.Rect.Top), bottom: float64(box.Rect.Bottom), turns: int(turned.PageRotation) & 3,
	}))
	return nil
}

// text returns the characters of a page, and the boxes of runs with their fonts, in the order of the
// characters.
func (s *session) text(at requests.Page) (chars []*responses.GetPageTextStructuredChar,
	fonts []*responses.GetPageTextStructuredRect, err error) {
	text, err := s.in.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: at})
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		_, closed := s.in.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: text.TextPage})
		err = errors.Join(err, closed)
	}()
	n, err := s.in.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: text.TextPage})
	switch {
	case err != nil:
		return nil, nil, err
	case n.Count <= 0:
		return nil, nil, nil
	case n.Count > maxPageChars:
		return nil, nil, fmt.Errorf("%w: %d characters on a page", ErrLimit, n.Count)
	}
	s.quick.Lock()
	defer s.quick.Unlock()
	defer s.unstoppable()()
	if all := s.glances(text.TextPage, n.Count); all != nil && !s.ask {
		s.seen++
		chars, fonts = s.laidOut(text.TextPage, all)
		return chars, fonts, nil
	}
	return s.chars(at)
}

// chars asks PDFium for what text returns: asked for the fonts of every character, it takes ten times
// as long.
func (s *session) chars(at requests.Page) ([]*responses.GetPageTextStructuredChar,
	[]*responses.GetPageTextStructuredRect, error) {
	text, err := s.in.GetPageTextStructured(&requests.GetPageTextStructured{
		Page: at, Mode: requests.GetPageTextStructuredModeChars,
	})
	if err != nil {
		return nil, nil, err
	}
	fonts, err := s.in.GetPageTextStructured(&requests.GetPageTextStructured{
		Page: at, Mode: requests.GetPageTextStructuredModeRects, CollectFontInformation: true,
	})
	if err != nil {
		return nil, nil, err
	}
	return text.Chars, fonts.Rects, nil
}

// unstoppable makes calls of PDFium five times faster, until the function that it returns is called:
// a call that can be stopped starts a goroutine, and characters take several calls each. The context
// of calls is a field of go-pdfium's implementation that no method sets; without the field calls stay
// stoppable and slow.
func (s *session) unstoppable() (restore func()) {
	v := reflect.ValueOf(s.in.GetImplementation())
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return func() {}
	}
	field := v.Elem().FieldByName("Context")
	if !field.IsValid() || !field.CanSet() || field.Type() != reflect.TypeFor[context.Context]() {
		return func() {}
	}
	stoppable := reflect.ValueOf(field.Interface())
	field.Set(reflect.ValueOf(context.Background()))
	return func() { field.Set(stoppable) }
}
