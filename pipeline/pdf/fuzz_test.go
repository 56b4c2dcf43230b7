package pdf

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"longlora/internal/testdata"
)

// FuzzCompose lays out pages of arbitrary runs: PDFium may put any text anywhere.
func FuzzCompose(f *testing.F) {
	f.Add([]byte("\x10\x20\x30\x0a\x01\x02abc\x10\x40\x30\x0a\x00\x05def"), uint8(1))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00"), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, pages uint8) {
		all := make([]page, pages%4+1)
		for i := range all {
			all[i] = page{width: 612, height: 792}
		}
		texts := []string{"1", "Abstract", "word and word", "12", "1 Introduction", "•", "cor\x02", "語文", "x.", " "}
		for n := 0; len(data) >= 7; n++ {
			left, top := float64(int16(binary.LittleEndian.Uint16(data)))/16, float64(data[2])*4
			r := run{
				text: texts[int(data[3])%len(texts)], left: left, right: left + float64(data[4]), top: top,
				bottom: top + float64(data[5])/8, size: float64(data[6]) / 4, bold: data[3]&64 != 0, mono: data[3]&128 != 0,
			}
			if r.size == 0 {
				r.size = 1
			}
			p := &all[n%len(all)]
			switch data[3] & 48 {
			case 16:
				p.turned = append(p.turned, r)
			case 32:
				p.vertical = append(p.vertical, r)
			default:
				p.runs = append(p.runs, r)
			}
			data = data[7:]
		}
		text, title := compose(all)
		if !utf8.ValidString(text) || !utf8.ValidString(title) {
			t.Errorf("text %q, title %q", text, title)
		}
	})
}

// TestMutated reads real files some of whose bytes are others: each comes to a text or to a reason. It
// goes on for $MUTATE, a duration, and for ten files if there is none.
func TestMutated(t *testing.T) {
	all, err := filepath.Glob(filepath.Join(testdata.Shared(t, "pdf", "pdfminer-six", "samples"), "*.pdf"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	r := NewReader(Options{Timeout: 10 * time.Second, Memory: 256 << 20, Pages: 50})
	defer r.Close()
	if _, err := r.Read(context.Background(), []byte("none")); !errors.Is(err, ErrBroken) {
		t.Fatal(err) // PDFium is compiled, which counts for no file
	}
	limit, _ := time.ParseDuration(os.Getenv("MUTATE"))
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	random := rand.New(rand.NewPCG(seed, 0))
	start, n := time.Now(), 0
	for ; n < 10 || time.Since(start) < limit; n++ {
		data, err := os.ReadFile(all[random.IntN(len(all))])
		if err != nil {
			t.Fatal(err)
		}
		mutate(random, data)
		before := time.Now()
		_, err = r.Read(context.Background(), data)
		known := err == nil
		for _, reason := range []error{ErrBroken, ErrScanned, ErrEncrypted, ErrLimit, ErrUnmapped} {
			known = known || errors.Is(err, reason)
		}
		if d := time.Since(before); !known || d > time.Minute {
			t.Fatalf("file %d of seed %d: %v after %v", n, seed, err, d)
		}
	}
	t.Logf("%d files in %v", n, time.Since(start))
}

// mutate changes bytes, numbers and the order of parts.
func mutate(random *rand.Rand, data []byte) {
	for range 1 + random.IntN(20) {
		at := random.IntN(len(data))
		switch random.IntN(4) {
		case 0:
			data[at] = byte(random.Uint32())
		case 1: // a digit where one may be
			for i := at; i < min(at+40, len(data)); i++ {
				if data[i] >= '0' && data[i] <= '9' {
					data[i] = byte('0' + random.IntN(10))
					break
				}
			}
		case 2: // a part of the file in another place
			from := random.IntN(len(data))
			copy(data[at:], data[from:min(from+random.IntN(64), len(data))])
		default:
			data[at] ^= 1 << random.IntN(8)
		}
	}
}
