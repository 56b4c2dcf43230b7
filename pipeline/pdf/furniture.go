package pdf

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Running heads, feet and page numbers stand at the same place on many pages, with the same text but
// for numbers, or they count the pages.

// marginRows is how many rows from the top and from the bottom of a page may be furniture, and
// marginPart the part of the page's height in which they stand.
const (
	marginRows = 3
	marginPart = 0.14
)

// margin is a row at the top or the bottom of a page.
type margin struct {
	page   int
	pieces []int // their places on the page
	text   string
	y      float64
	size   float64
	bottom bool
	rank   int // 0 is the outermost
	gap    float64
}

// dropFurniture removes running heads, feet and page numbers from the pages.
func dropFurniture(pages [][]piece, heights []float64) {
	var all []margin
	for i := range pages {
		all = append(all, margins(i, pages[i], heights[i])...)
	}
	drop := make([]map[int]bool, len(pages))
	for i := range drop {
		drop[i] = map[int]bool{}
	}
	furniture := repeated(all, len(pages))
	numbers := numbering(all)
	aligned := alignedRows(all, len(pages))
	for i, m := range all {
		if furniture[m.key()] || numbers[i] || aligned[i] || isImprint(m) {
			for _, p := range m.pieces {
				drop[m.page][p] = true
			}
		}
	}
	for i := range pages {
		kept := pages[i][:0]
		for j, p := range pages[i] {
			if !drop[i][j] {
				kept = append(kept, p)
			}
		}
		pages[i] = kept
	}
}

// margins returns the rows at the top and the bottom of a page.
func margins(number int, all []piece, height float64) (found []margin) {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(all[a].baseline(), all[b].baseline()) })
	for _, bottom := range []bool{false, true} {
		if bottom {
			slices.Reverse(order)
		}
		found = append(found, marginsFrom(number, all, order, height, bottom)...)
	}
	return found
}

func marginsFrom(number int, all []piece, order []int, height float64, bottom bool) (rows []margin) {
	for _, i := range order {
		p := &all[i]
		y := p.baseline()
		if n := len(rows); n > 0 {
			last := &rows[n-1]
			if math.Abs(y-last.y) < 0.5*max(p.size, last.size) {
				last.pieces = append(last.pieces, i)
				continue
			}
			last.gap = math.Abs(y - last.y)
		}
		in := y < marginPart*height
		if bottom {
			in = y > (1-marginPart)*height
		}
		if !in || len(rows) == marginRows {
			break
		}
		rows = append(rows, margin{
			page: number, pieces: []int{i}, y: y, size: p.size, bottom: bottom, rank: len(rows),
			gap: math.Inf(1),
		})
	}
	for i := range rows {
		slices.SortFunc(rows[i].pieces, func(a, b int) int { return cmp.Compare(all[a].left, all[b].left) })
		var words []string
		for _, j := range rows[i].pieces {
			words = append(words, strings.TrimSpace(all[j].text))
		}
		rows[i].text = strings.Join(words, " ")
	}
	return rows
}

var digits = regexp.MustCompile(`[0-9]+`)

// key is the same for rows that differ in numbers only and stand at the same height.
func (m margin) key() string {
	side := "top "
	if m.bottom {
		side = "bottom "
	}
	return side + strconv.Itoa(int(math.Round(m.y/8))) + " " + digits.ReplaceAllString(m.text, "0")
}

// repeated returns the keys that are on several pages.
func repeated(all []margin, pages int) map[string]bool {
	on := map[string]int{}
	for _, m := range all {
		on[m.key()]++
	}
	least := 3
	if pages < 5 {
		least = 2
	}
	found := map[string]bool{}
	for key, n := range on {
		found[key] = n >= least
	}
	return found
}

// pageNumber is a row that is a number alone.
var pageNumber = regexp.MustCompile(
	`^(?:[Pp]age )?[-–—|·\[(]?\s*([0-9]{1,5}|[ivxlc]{1,8})\s*[-–—|·\])]?(?: (?:of|/) [0-9]+)?$`)

// numbering marks the rows that count pages: numbers alone, outermost, that grow as the pages do.
func numbering(all []margin) map[int]bool {
	offsets := map[int][]int{}
	for i, m := range all {
		found := pageNumber.FindStringSubmatch(strings.TrimSpace(m.text))
		if found == nil || m.rank > 1 {
			continue
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			n = roman(found[1])
		}
		offsets[n-m.page] = append(offsets[n-m.page], i)
	}
	marked := map[int]bool{}
	for offset, rows := range offsets {
		if len(rows) < 2 && offset != 1 { // alone, only the first page's 1 is sure to be one
			continue
		}
		for _, i := range rows {
			marked[i] = true
		}
	}
	return marked
}

func roman(s string) (n int) {
	values := map[byte]int{'i': 1, 'v': 5, 'x': 10, 'l': 50, 'c': 100}
	for i := range len(s) {
		v := values[s[i]]
		if i+1 < len(s) && v < values[s[i+1]] {
			v = -v
		}
		n += v
	}
	return n
}

// alignedRows marks outermost rows that stand at one height on most pages, well apart from the text,
// and hold a number: running heads that change with the chapter.
func alignedRows(all []margin, pages int) map[int]bool {
	marked := map[int]bool{}
	if pages < 6 {
		return marked
	}
	at := map[[2]int][]int{}
	for i, m := range all {
		if m.rank == 0 && m.gap > 1.6*m.size {
			side := 0
			if m.bottom {
				side = 1
			}
			at[[2]int{side, int(math.Round(m.y / 2))}] = append(at[[2]int{side, int(math.Round(m.y / 2))}], i)
		}
	}
	for _, rows := range at {
		numbered := 0
		for _, i := range rows {
			words := strings.Fields(all[i].text)
			if len(words) > 0 && (isNumber(words[0]) || isNumber(words[len(words)-1])) {
				numbered++
			}
		}
		if 10*len(rows) < 4*pages || 2*numbered < len(rows) {
			continue
		}
		for _, i := range rows {
			marked[i] = true
		}
	}
	return marked
}

func isNumber(word string) bool {
	return word != "" && strings.IndexFunc(word, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}

// imprint is what publishers print under the first page.
var imprint = regexp.MustCompile(`^(Proceedings of|In Proceedings|Copyright |©|\(c\) |arXiv:|` +
	`[A-Z][a-z]+ [0-9]+ ?[-–] ?[0-9]+, [0-9]{4}\.)`)

func isImprint(m margin) bool {
	return m.bottom && m.page == 0 && imprint.MatchString(strings.TrimSpace(m.text))
}
