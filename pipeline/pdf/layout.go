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
	return best, bestScore > 0
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
	crosses := make([]bool, len(all))
	for i := range all {
		crosses[i] = all[i].left < middle && all[i].right > middle
	}
	for i := range all { // what stands on a line with a crossing piece is read with it
		if !(all[i].left < middle && all[i].right > middle) {
			continue
		}
		for j := max(i-neighbours, 0); j < min(i+neighbours, len(all)); j++ {
			crosses[j] = crosses[j] || sameLine(&all[i], &all[j])
		}
	}
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
