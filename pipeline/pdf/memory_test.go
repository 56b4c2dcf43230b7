package pdf

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/responses"

	"longlora/internal/testdata"
)

// TestMemory reads the characters of pages both ways: where they lie in the instance's memory, and by
// PDFium's functions. They must be the same.
// That a page is not read in the first way means that PDFium's layout has changed.
func TestMemory(t *testing.T) {
	r := NewReader(Options{})
	defer r.Close()
	if r.once.Do(r.start); r.err != nil {
		t.Fatal(r.err)
	}
	pages, chars, most := 0, 0, 5
	if testing.Short() {
		most = 1
	}
	root := testdata.Shared(t, "pdf")
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".pdf") || strings.Contains(path, "texlive") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		in, err := r.pool.GetInstanceWithContext(context.Background())
		if err != nil {
			return err
		}
		defer in.Close()
		opened, err := in.OpenDocument(&requests.OpenDocument{File: &data})
		if err != nil {
			return nil // it is encrypted or broken
		}
		count, err := in.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: opened.Document})
		if err != nil {
			return err
		}
		s := &session{ctx: context.Background(), in: in, o: r.o, document: opened.Document}
		for i := range min(count.PageCount, most) {
			n := comparePage(t, s, path, i)
			if chars += n; n > 0 {
				pages++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 30 || chars < 20_000 {
		t.Errorf("%d characters of %d pages are compared", chars, pages)
	}
}

// comparePage returns the number of characters of a page.
func comparePage(t *testing.T, s *session, path string, i int) int {
	t.Helper()
	at := requests.Page{ByIndex: &requests.PageByIndex{Document: s.document, Index: i}}
	s.ask, s.seen = true, 0
	want, _, err := s.text(at)
	if err != nil {
		t.Fatal(path, err)
	}
	s.ask = false
	got, _, err := s.text(at)
	if err != nil || len(got) != len(want) || len(want) > 0 && s.seen != 1 {
		t.Fatalf("%s page %d: %d characters, %d by functions, error %v, %d pages read from memory", path, i+1,
			len(got), len(want), err, s.seen)
	}
	for k := range got {
		a, b := *got[k], *want[k]
		if math.Abs(a.Angle-b.Angle) < 1e-6 { // the arc tangents of two libraries
			a.Angle = b.Angle
		}
		if a.Text != b.Text || a.Angle != b.Angle || near(a.PointPosition) != near(b.PointPosition) {
			t.Fatalf("%s page %d, character %d: %+v, by functions %+v", path, i+1, k, a, b)
		}
	}
	return len(got)
}

// near is a place in the precision that PDFium has.
func near(p responses.CharPosition) [4]float32 {
	return [4]float32{float32(p.Left), float32(p.Bottom), float32(p.Right), float32(p.Top)}
}
