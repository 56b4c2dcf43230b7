package pdf

import (
	"cmp"
	"slices"
	"strings"
)

// Reading order. Text in columns leaves a gutter free that many wide lines end at. Where such a
// gutter is, the region falls into bands from top to bottom: what crosses the gutter is read across,
// what lies between two crossings is read column by column, and each column is a region of its own.

// column is a part of a page that is read line by line.
type column struct {
	left, right float64
	lines       []line
}

// gutter is a free strip between columns, from left to right.
type gutter struct{ left, right float64 }

const (
	// minColumnLines is the number of wide lines that make a column, on either side.
	minColumnLines = 4
	// maxDepth bounds columns within columns.
	maxDepth = 4
	// neighbours is how many pieces further up or down may stand on the same line.
	neighbours = 16
	// maxPieces is more than any page for people has; what has more is a drawing, and not sorted.
	maxPieces = 20_000
)

// layout orders the pieces of a page; known is the gutter of the other pages, if they have one.
func layout(all []piece, known *gutter) []column {
	if len(all) == 0 {
		return nil
	}
	if len(all) > maxPieces {
		c := column{}
		c.left, c.right = extent(all)
		for _, p := range all {
			p.text = strings.TrimSpace(p.text)
			c.lines = append(c.lines, line{piece: p, cells: []piece{p}, base: p.baseline()})
		}
		return []column{c}
	}
	return region(all, known, 0)
}

func region(all []piece, known *gutter, depth int) []column {
	left, right := extent(all)
	if depth < maxDepth {
		if g, ok := findGutter(all, left, right); ok {
			return split(all, g, depth)
		}
		if known != nil && depth == 0 && isFree(all, *known) {
			return split(all, *known, depth)
		}
	}
	return []column{{left, right, lines(all)}}
}

func extent(all []piece) (left, right float64) {
	left, right = all[0].left, all[0].right
	for _, p := range all[1:] {
		left, right = min(left, p.left), max(right, p.right)
	}
	return left, right
}

// findGutter returns the gutter with most lines of text on its lesser side.
func findGutter(all []piece, left, right float64) (best gutter, ok bool) {
	bestScore := 0.0
	tried := map[int]bool{}
	for _, p := range all {
		at := int(p.left * 2)
		if tried[at] || p.left < left+0.15*(right-left) || p.left > right-0.1*(right-left) {
			continue
		}
		tried[at] = true
		if g, score := weigh(all, left, right, p.left-0.5); score > bestScore {
			best, bestScore = g, score
		}
	}
	if bestScore > 0 {
		return best, true
	}
	return narrowGutter(all, left, right)
}

const (
	// minNarrow is the least width, in ems, of one of three or more columns.
	minNarrow = 12
	// minNarrowLines is the number of lines that make such a column.
	minNarrowLines = 8
)

// narrowGutter returns the first gutter from the left of a region in three columns or more: lines of
// much the same width end before it, and others begin right after it.
func narrowGutter(all []piece, left, right float64) (gutter, bool) {
	tried := map[int]bool{}
	best, found := gutter{}, false
	for _, p := range all {
		at := p.left - 0.5
		if tried[int(at)] || at < left+minNarrow*p.size || at > right-minNarrow*p.size ||
			found && at >= best.right {
			continue
		}
		tried[int(at)] = true
		if g, ok := between(all, left, at); ok {
			best, found = g, true
		}
	}
	return best, found
}

// between reports whether a column of the width of the region up to at ends there, and another of the
// same width begins.
func between(all []piece, left, at float64) (gutter, bool) {
	var before, after, crossing, narrow int
	edge := left
	for i := range all {
		p := &all[i]
		width := p.right - p.left
		switch {
		case p.left < at && p.right > at:
			crossing++
		case p.right <= at:
			if edge = max(edge, p.right); width > 0.6*(at-left) {
				before++
			} else {
				narrow++
			}
		case p.left < at+2*p.size && width > 0.6*(at-left) && width < 1.1*(at-left):
			after++
		}
	}
	size := all[0].size
	ok := before >= minNarrowLines && after >= minNarrowLines && crossing < before/2 && narrow < before
	return gutter{edge, at + 0.5}, ok && at-left > minNarrow*size && at-edge > 0.6*size
}

// weigh rates the place at as the right edge of a gutter: the height of wide lines on its lesser side,
// or 0 if it is none.
func weigh(all []piece, left, right, at float64) (gutter, float64) {
	var sides, crossing, narrow float64
	var wide [2]float64
	var count [2]int
	edge := left
	for i := range all {
		p := &all[i]
		switch {
		case p.right <= at:
			if p.right-p.left >= 0.6*(at-left) {
				wide[0], count[0] = wide[0]+p.size, count[0]+1
				edge = max(edge, p.right)
			} else {
				narrow += p.size
			}
		case p.left >= at:
			if p.right-p.left >= 0.6*(right-at) {
				wide[1], count[1] = wide[1]+p.size, count[1]+1
			} else {
				narrow += p.size
			}
		default:
			crossing += p.size
		}
	}
	least := min(wide[0], wide[1])
	sides = wide[0] + wide[1]
	size := sides / float64(max(count[0]+count[1], 1))
	if min(count[0], count[1]) < minColumnLines || crossing > 2*sides || narrow > 3*sides ||
		at-edge < 0.6*size {
		return gutter{}, 0
	}
	return gutter{edge, at + 0.5}, least - 0.5*crossing + 0.1*(at-edge)
}

// isFree reports whether a known gutter parts what lies here, and nothing but a few lines crosses it.
func isFree(all []piece, g gutter) bool {
	middle := (g.left + g.right) / 2
	var left, right, crossing int
	for i := range all {
		switch p := &all[i]; {
		case p.right <= middle:
			left++
		case p.left >= middle:
			right++
		default:
			crossing++
		}
	}
	return left > 0 && right > 0 && crossing <= (left+right)/2
}

// split cuts a region into bands at what crosses the gutter.
func split(all []piece, g gutter, depth int) (out []column) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b piece) int { return cmp.Compare(a.middle(), b.middle()) })
	middle := (g.left + g.right) / 2
	crosses := crossings(all, middle)
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && crosses[to] == crosses[from] {
			to++
		}
		if band := all[from:to]; crosses[from] {
			left, right := extent(all)
			out = append(out, column{left, right, lines(slices.Clone(band))})
		} else {
			out = append(out, sides(band, middle, depth)...)
		}
		from = to
	}
	return out
}

// crossings marks the pieces, sorted from top to bottom, that are read across a gutter: those that
// cross it, the rows of tables that do, and what stands on a line with such a piece.
func crossings(all []piece, middle float64) []bool {
	crosses := make([]bool, len(all))
	for i := range all {
		crosses[i] = all[i].left < middle && all[i].right > middle
	}
	tableRows(all, middle, crosses)
	for more := true; more; { // until no piece is drawn in by its neighbour
		more = false
		for i := range all {
			if !crosses[i] {
				continue
			}
			for j := max(i-neighbours, 0); j < min(i+neighbours, len(all)); j++ {
				if !crosses[j] && sameLine(&all[i], &all[j]) {
					crosses[j], more = true, true
				}
			}
		}
	}
	return crosses
}

const (
	// minCells is the number of cells of a row that lies across a gutter, and minRows of such rows one
	// under the other.
	minCells = 4
	minRows  = 3
)

// tableRows marks the rows of tables that lie across a gutter without crossing it: lines of many short
// pieces on both sides.
func tableRows(all []piece, middle float64, crosses []bool) {
	left, right := extent(all)
	var rows [][]int
	flush := func() {
		if len(rows) >= minRows {
			for _, row := range rows {
				for _, i := range row {
					crosses[i] = true
				}
			}
		}
		rows = rows[:0]
	}
	for from := 0; from < len(all); {
		row := []int{from}
		to := from + 1
		for to < len(all) && all[to].middle()-all[from].middle() < 0.35*all[from].size {
			row = append(row, to)
			to++
		}
		from = to
		sides, wide := [2]int{}, false
		for _, i := range row {
			side, width := 0, middle-left
			if all[i].left >= middle {
				side, width = 1, right-middle
			}
			sides[side]++
			wide = wide || all[i].right-all[i].left > 0.6*width
		}
		if wide || len(row) < minCells || sides[0] == 0 || sides[1] == 0 {
			flush()
			continue
		}
		if n := len(rows); n > 0 {
			last := all[rows[n-1][0]]
			if all[row[0]].middle()-last.middle() > 3*last.size {
				flush()
			}
		}
		rows = append(rows, row)
	}
	flush()
}

func (p *piece) middle() float64 { return (p.top + p.bottom) / 2 }

// sameLine reports whether two pieces beside each other share a line closely enough to be one line.
func sameLine(a, b *piece) bool {
	gap := max(b.left-a.right, a.left-b.right)
	return gap < 2*max(a.size, b.size) && overlap(a.run, b.run) > 0.5
}

// sides reads a band column by column.
func sides(band []piece, middle float64, depth int) []column {
	var left, right []piece
	for _, p := range band {
		if (p.left+p.right)/2 < middle {
			left = append(left, p)
		} else {
			right = append(right, p)
		}
	}
	var out []column
	for _, side := range [][]piece{left, right} {
		if len(side) > 0 {
			out = append(out, region(side, nil, depth+1)...)
		}
	}
	return out
}
