package pdf

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Manuscripts that are to be reviewed number their lines in a strip of the margin.

const (
	// minNumbered is the number of lines of a page that are numbered at the least.
	minNumbered = 10
	// numberedPart is the part of the height of a page's text that the numbers go down.
	numberedPart = 0.5
)

// dropLineNumbers takes the numbers of lines out of a page.
func dropLineNumbers(all []piece) []piece {
	gone := map[int]bool{}
	for _, edge := range []func(*piece) float64{
		func(p *piece) float64 { return p.right }, func(p *piece) float64 { return p.left },
	} {
		for _, strip := range numberStrips(all, edge) {
			if countsLines(all, strip) {
				for _, i := range strip {
					gone[i] = true
				}
			}
		}
	}
	if len(gone) == 0 {
		return all
	}
	kept := all[:0]
	for i, p := range all {
		if !gone[i] {
			kept = append(kept, p)
		}
	}
	return kept
}

// numberStrips gathers the numbers whose edges stand under each other, from top to bottom.
func numberStrips(all []piece, edge func(*piece) float64) (strips [][]int) {
	var numbers []int
	for i := range all {
		if isNumber(strings.TrimSpace(all[i].text)) {
			numbers = append(numbers, i)
		}
	}
	slices.SortStableFunc(numbers, func(a, b int) int { return cmp.Compare(edge(&all[a]), edge(&all[b])) })
	for from := 0; from < len(numbers); {
		to := from + 1
		for to < len(numbers) && edge(&all[numbers[to]])-edge(&all[numbers[to-1]]) < 2 {
			to++
		}
		strip := slices.Clone(numbers[from:to])
		slices.SortStableFunc(strip, func(a, b int) int {
			return cmp.Compare(all[a].middle(), all[b].middle())
		})
		strips = append(strips, strip)
		from = to
	}
	return strips
}

// countsLines reports whether numbers count lines: they rise by the same step all the way down most of
// the text, and nothing else stands in their strip.
func countsLines(all []piece, strip []int) bool {
	if len(strip) < minNumbered {
		return false
	}
	step, before := 0, 0
	left, right := math.Inf(1), math.Inf(-1)
	for k, i := range strip {
		left, right = min(left, all[i].left), max(right, all[i].right)
		n, err := strconv.Atoi(strings.TrimSpace(all[i].text))
		if err != nil {
			return false
		}
		switch {
		case k == 1:
			step = n - before
		case k > 1 && n-before != step:
			return false
		}
		before = n
	}
	if step != 1 && step != 5 {
		return false
	}
	top, bottom := math.Inf(1), math.Inf(-1)
	others := 0
	for i := range all {
		top, bottom = min(top, all[i].top), max(bottom, all[i].bottom)
		if all[i].right > left && all[i].left < right {
			others++
		}
	}
	height := all[strip[len(strip)-1]].bottom - all[strip[0]].top
	return others-len(strip) <= len(strip)/10 && height > numberedPart*(bottom-top)
}
