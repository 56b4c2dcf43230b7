package pdf

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// piece is text that runs on without a wide gap: a line of a column, a cell of a table.
type piece struct {
	run
	// main is the number of letters of the run that gave the size; letters, bolds and monos count all
	// letters, the bold ones and those of a typewriter.
	main, letters, bolds, monos int
	// raised says that it begins with a mark above the line, as notes do.
	raised bool
}

func newPiece(r run) piece {
	p := piece{run: r}
	p.count(r)
	p.main = p.letters
	return p
}

func (p *piece) count(r run) {
	n := len(strings.TrimSpace(r.text))
	p.letters += n
	if r.bold {
		p.bolds += n
	}
	if r.mono {
		p.monos += n
	}
	p.bold, p.mono = 5*p.bolds >= 4*p.letters, 10*p.monos >= 9*p.letters
}

// pieces joins runs that follow each other on a line.
func pieces(runs []run) (all []piece) {
	for _, r := range runs {
		if n := len(all); n > 0 && all[n-1].continuedBy(r) {
			all[n-1].join(r)
			continue
		}
		all = append(all, newPiece(r))
	}
	return all
}

// maxGap is the widest gap, in ems, within a piece: wider than the spaces of justified text, narrower
// than those between columns.
const maxGap = 0.75

func (p *piece) continuedBy(r run) bool {
	em := max(p.size, r.size)
	gap := r.left - p.right
	return gap > -0.5*em && gap < maxGap*min(p.size, r.size)+0.1*em && overlap(p.run, r) > 0.4
}

// overlap is the part of the lower run's height that two share.
func overlap(a, b run) float64 {
	least := min(a.bottom-a.top, b.bottom-b.top)
	if least < 0.3*min(a.size, b.size) { // a dash or a dot: its place counts
		middle := (b.top + b.bottom) / 2
		if a.bottom-a.top < b.bottom-b.top {
			middle = (a.top + a.bottom) / 2
			a = b
		}
		if middle > a.top-0.2*a.size && middle < a.bottom+0.3*a.size {
			return 1
		}
		return 0
	}
	return (min(a.bottom, b.bottom) - max(a.top, b.top)) / least
}

// join appends a run; a gap that is wide enough is a space.
func (p *piece) join(r run) {
	if r.left-p.right > 0.22*max(p.size, r.size) && !strings.HasSuffix(p.text, " ") {
		p.text += " "
	}
	n := len(strings.TrimSpace(r.text))
	switch {
	case n > p.main && r.size > 0.8*p.size || r.size > 1.3*p.size:
		p.raised = p.raised || r.size > 1.2*p.size && p.bottom < r.bottom-0.15*r.size && p.main < 4
		p.size, p.main, p.top, p.bottom = r.size, n, r.top, r.bottom
	case r.size > 0.85*p.size:
		p.top, p.bottom = min(p.top, r.top), max(p.bottom, r.bottom)
	}
	p.count(r)
	p.text += r.text
	p.left, p.right = min(p.left, r.left), max(p.right, r.right)
}

// baseline is where the letters stand, as far as the ink tells.
func (p *piece) baseline() float64 {
	switch {
	case strings.ContainsAny(p.text, "gjpqyQ()[]{}|"):
		return p.bottom - 0.21*p.size
	case strings.ContainsAny(p.text, ",;/"):
		return p.bottom - 0.12*p.size
	}
	return p.bottom
}

// line is a line of a column; it has cells where gaps are wide.
type line struct {
	piece
	cells []piece
	base  float64
}

// lines sorts the pieces of a column into lines, from top to bottom.
func lines(all []piece) (sorted []line) {
	slices.SortStableFunc(all, func(a, b piece) int { return cmp.Compare(a.baseline(), b.baseline()) })
	for _, p := range all {
		if n := len(sorted); n > 0 && sorted[n-1].takes(&p) {
			sorted[n-1].cells = append(sorted[n-1].cells, p)
			continue
		}
		sorted = append(sorted, line{piece: p, cells: []piece{p}, base: p.baseline()})
	}
	for i := range sorted {
		sorted[i].order()
	}
	tighten(sorted)
	return sorted
}

// maxLoose is the widest gap, in ems, that justification leaves in a line of a narrow column.
const maxLoose = 2.2

// tighten makes one cell of lines of justified text whose words stand far apart: lines that begin and
// end where others near them do that have no gap.
func tighten(ls []line) {
	for i := range ls {
		l := &ls[i]
		if len(l.cells) < 2 || l.widestGap() > maxLoose*l.size {
			continue
		}
		alike := 0
		for j := max(i-3, 0); j < min(i+4, len(ls)); j++ {
			o := &ls[j]
			if len(o.cells) == 1 && math.Abs(o.right-l.right) < 0.7*l.size &&
				math.Abs(o.left-l.left) < 0.7*l.size && math.Abs(o.size-l.size) < 0.1*l.size &&
				math.Abs(o.base-l.base) < 5*l.size {
				alike++
			}
		}
		if alike >= 2 || l.even() && (alike == 1 || len(l.cells) >= 5) {
			whole := l.piece
			l.cells = []piece{whole}
		}
	}
}

// even reports that the gaps are of the same width, as justification makes them.
func (l *line) even() bool {
	least := math.Inf(1)
	for i := 1; i < len(l.cells); i++ {
		least = min(least, l.cells[i].left-l.cells[i-1].right)
	}
	return len(l.cells) > 2 && l.widestGap()-least < 0.15*l.size
}

func (l *line) widestGap() (widest float64) {
	for i := 1; i < len(l.cells); i++ {
		widest = max(widest, l.cells[i].left-l.cells[i-1].right)
	}
	return widest
}

// takes reports whether a piece stands on the line.
func (l *line) takes(p *piece) bool {
	if math.Abs(p.baseline()-l.base) > 0.45*max(p.size, l.size) {
		return false
	}
	for i := range l.cells { // what lies over another is on a line of its own
		c := &l.cells[i]
		shared := min(c.right, p.right) - max(c.left, p.left)
		if shared > 0.5*min(c.right-c.left, p.right-p.left) && shared > 0.3*p.size {
			return false
		}
	}
	return true
}

// order sorts the cells from left to right and joins those that are close.
func (l *line) order() {
	slices.SortStableFunc(l.cells, func(a, b piece) int { return cmp.Compare(a.left, b.left) })
	joined := l.cells[:1]
	for _, c := range l.cells[1:] {
		last := &joined[len(joined)-1]
		if c.left-last.right < 0.85*min(last.size, c.size) {
			last.take(c)
			continue
		}
		joined = append(joined, c)
	}
	l.cells = joined
	whole := joined[0]
	for _, c := range joined[1:] {
		whole.text = strings.TrimRight(whole.text, " ") + " "
		whole.take(c)
	}
	whole.text = strings.TrimSpace(whole.text)
	l.piece = whole
}

// take appends a piece.
func (p *piece) take(o piece) {
	letters, bolds, monos := p.letters+o.letters, p.bolds+o.bolds, p.monos+o.monos
	p.join(o.run)
	p.letters, p.bolds, p.monos = letters, bolds, monos
	p.bold, p.mono = 5*bolds >= 4*letters, 10*monos >= 9*letters
}
