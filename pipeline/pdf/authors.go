package pdf

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"
)

// The names of authors stand side by side between a paper's title and its first section, each above
// an address of its own. Such blocks are read one after the other.

// authorBlocks takes the blocks between the title and the first section out of the pieces of a first
// page, in reading order; nil if there are no two side by side.
func authorBlocks(all []piece) (blocks [][]piece, rest []piece) {
	top, bottom, ok := authorBand(all)
	if !ok {
		return nil, all
	}
	var band []piece
	for _, p := range all {
		if p.top >= top && p.bottom <= bottom {
			band = append(band, p)
		} else {
			rest = append(rest, p)
		}
	}
	if len(band) < 4 || len(band) > maxAuthors {
		return nil, all
	}
	blocks = cluster(band)
	rows := rowsOf(blocks)
	for _, row := range rows {
		tall := 0
		for _, b := range row {
			if len(b) > 1 {
				tall++
			}
		}
		if tall > 1 { // blocks of several lines side by side
			return slices.Concat(rows...), rest
		}
	}
	return nil, all
}

// authorBand is where authors may stand: below the title, the largest of the upper half, and above the
// first heading or figure.
func authorBand(all []piece) (top, bottom float64, ok bool) {
	left, right := extent(all)
	lowest := 0.0
	for i := range all {
		lowest = max(lowest, all[i].bottom)
	}
	title := -1
	for i := range all {
		if all[i].top < lowest/2 && (title < 0 || all[i].size > all[title].size) {
			title = i
		}
	}
	if title < 0 {
		return 0, 0, false
	}
	bottom = math.Inf(1)
	for i := range all {
		p := &all[i]
		if math.Abs(p.size-all[title].size) < 0.05*p.size && p.top < lowest/2 {
			top = max(top, p.bottom)
		}
	}
	for i := range all {
		p := &all[i]
		if p.top > top && (isSection(strings.TrimSpace(p.text)) || caption.MatchString(p.text) ||
			p.right-p.left > 0.8*(right-left)) {
			bottom = min(bottom, p.top)
		}
	}
	return top, bottom, !math.IsInf(bottom, 1) && all[title].size > 1.2*all[len(all)/2].size
}

// cluster gathers pieces to blocks: lines close under each other that share most of the narrower one's
// width, and what stands close together on a line.
func cluster(band []piece) [][]piece {
	parent := make([]int, len(band))
	for i := range parent {
		parent[i] = i
	}
	var find func(int) int
	find = func(i int) int {
		if parent[i] != i {
			parent[i] = find(parent[i])
		}
		return parent[i]
	}
	for i := range band {
		for j := range i {
			if joins(&band[i], &band[j]) {
				parent[find(i)] = find(j)
			}
		}
	}
	byRoot := map[int][]piece{}
	var roots []int
	for i, p := range band {
		r := find(i)
		if byRoot[r] == nil {
			roots = append(roots, r)
		}
		byRoot[r] = append(byRoot[r], p)
	}
	var blocks [][]piece
	for _, r := range roots {
		blocks = append(blocks, byRoot[r])
	}
	return blocks
}

func joins(a, b *piece) bool {
	size := min(a.size, b.size)
	shared := min(a.right, b.right) - max(a.left, b.left)
	apart := max(a.top, b.top) - min(a.bottom, b.bottom)
	if overlap(a.run, b.run) > 0.5 {
		return -shared < size
	}
	return apart < 0.75*size && shared > 0.5*min(a.right-a.left, b.right-b.left)
}

// rowsOf orders blocks by rows: blocks that share most of the height of the lower one stand beside each
// other.
func rowsOf(blocks [][]piece) (rows [][][]piece) {
	slices.SortStableFunc(blocks, func(a, b []piece) int { return cmp.Compare(boxOf(a).top, boxOf(b).top) })
	for _, b := range blocks {
		if n := len(rows); n > 0 && beside(boxOf(b), boxOf(rows[n-1][0])) {
			rows[n-1] = append(rows[n-1], b)
			continue
		}
		rows = append(rows, [][]piece{b})
	}
	for _, row := range rows {
		slices.SortStableFunc(row, func(a, b []piece) int { return cmp.Compare(boxOf(a).left, boxOf(b).left) })
	}
	return rows
}

// boxOf is the box around a block.
func boxOf(block []piece) run {
	r := block[0].run
	for _, p := range block[1:] {
		r.left, r.right = min(r.left, p.left), max(r.right, p.right)
		r.top, r.bottom = min(r.top, p.top), max(r.bottom, p.bottom)
	}
	return r
}

func beside(a, b run) bool {
	shared := min(a.bottom, b.bottom) - max(a.top, b.top)
	return shared > 0.5*min(a.bottom-a.top, b.bottom-b.top)
}

// caption begins the caption of a figure.
var caption = regexp.MustCompile(`^(?:Figure|Fig\.) ?[0-9]`)
