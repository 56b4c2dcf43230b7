package pdf

import (
	"bufio"
	"context"
	"hash/fnv"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"longlora/internal/testdata"
)

// window is the number of letters of a mark in testdata/order.txt, which scripts/oracle/pdf.py writes.
const window = 24

// letters are those of a text, in lower case and without accents.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, norm.NFKD.String(s))
}

// places finds marks in a text; those that are not there are left out.
func places(text string, marks []uint64) (found []int) {
	text = letters(text)
	at := map[uint64]int{}
	for i := range max(len(text)-window+1, 0) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(text[i : i+window]))
		if _, ok := at[h.Sum64()]; !ok {
			at[h.Sum64()] = i
		}
	}
	for _, m := range marks {
		if i, ok := at[m]; ok {
			found = append(found, i)
		}
	}
	return found
}

// rising is the length of the longest rising subsequence.
func rising(places []int) int {
	var ends []int // the least end of a rising subsequence of each length
	for _, p := range places {
		if i, _ := slices.BinarySearch(ends, p); i == len(ends) {
			ends = append(ends, p)
		} else {
			ends[i] = p
		}
	}
	return len(ends)
}

func readMarks(t *testing.T) (names []string, marks map[string][]uint64) {
	t.Helper()
	f, err := os.Open("testdata/order.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	marks = map[string][]uint64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), ".pdf") {
			names = append(names, lines.Text())
			continue
		}
		h, err := strconv.ParseUint(lines.Text(), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		last := names[len(names)-1]
		marks[last] = append(marks[last], h)
	}
	return names, marks
}

// TestReadingOrder compares the order of the text of real papers with that of another program.
func TestReadingOrder(t *testing.T) {
	names, marks := readMarks(t)
	if testing.Short() {
		names = names[:1]
	}
	r := NewReader(Options{})
	defer r.Close()
	for _, name := range names {
		data, err := os.ReadFile(testdata.Shared(t, "pdf", name))
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.Read(context.Background(), data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := places(text.Body, marks[name])
		all, have, inOrder := len(marks[name]), len(found), rising(found)
		t.Logf("%s: %d marks, %.1f %% found, %.1f %% of these in order", name, all,
			100*float64(have)/float64(all), 100*float64(inOrder)/float64(have))
		// A mark in a hundred may be lost to a formula or a label that is set otherwise. Notes and floats
		// are moved behind the paragraph that they part, which puts up to one of their own marks, or of
		// that paragraph's, out of order: papers have fewer than one of them in twenty marks.
		if 100*have < 99*all || 20*inOrder < 19*have || all < 16 {
			t.Errorf("%s: %d of %d marks are found, %d of them in order", name, have, all, inOrder)
		}
	}
}
