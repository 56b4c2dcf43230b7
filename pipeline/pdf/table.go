package pdf

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// strip is what a table's column covers.
type strip struct{ left, right float64 }

// headingSize is how many times the size of the line above a line in a table is at most: beyond, it is a
// numbered heading that follows the table.
const headingSize = 1.2

// table takes lines of several cells, two at least, whose cells stand in columns.
func (c *composer) table(ls []line) int {
	n := 0
	for n < len(ls) && len(ls[n].cells) > 1 && !ls[n].mono &&
		(n == 0 || ls[n].base-ls[n-1].base < 2.5*ls[n].size && ls[n].size <= headingSize*ls[n-1].size) {
		n++
	}
	if n < 2 {
		return 0
	}
	strips := stripsOf(ls[:n])
	if len(strips) < 2 || isFormula(ls[:n], strips) {
		return 0
	}
	if c.contents(ls[:n]) {
		return n
	}
	var b strings.Builder
	for i, l := range ls[:n] {
		row := make([]string, len(strips))
		for _, cell := range l.cells {
			j := slices.IndexFunc(strips, func(s strip) bool { return cell.left < s.right && cell.right > s.left })
			if j < 0 {
				j = 0
			}
			row[j] = strings.TrimSpace(row[j] + " " + strings.TrimSpace(hyphens(cell.text)))
		}
		for j := range row {
			row[j] = strings.ReplaceAll(row[j], "|", "\\|")
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat(" --- |", len(strips)) + "\n")
		}
	}
	c.add(block{kind: table, text: strings.TrimRight(b.String(), "\n")})
	return n
}

// isFormula reports lines that are set in columns because their symbols stand over and beside each
// other: most places of the table would be empty, and the rest hold a few letters.
func isFormula(ls []line, strips []strip) bool {
	cells, letters := 0, 0
	for _, l := range ls {
		for _, c := range l.cells {
			cells++
			letters += c.letters
		}
	}
	return 2*cells < len(ls)*len(strips) && letters < 6*cells
}

// stripsOf joins the cells that lie over each other to columns, from left to right. Cells that lie
// over several columns of other lines do not join them.
func stripsOf(ls []line) []strip {
	most := 0
	for _, l := range ls {
		most = max(most, len(l.cells))
	}
	var all []strip
	for _, l := range ls {
		if 2*len(l.cells) < most {
			continue
		}
		for _, cell := range l.cells {
			all = append(all, strip{cell.left, cell.right})
		}
	}
	slices.SortFunc(all, func(a, b strip) int { return cmp.Compare(a.left, b.left) })
	joined := all[:1]
	for _, s := range all[1:] {
		if last := &joined[len(joined)-1]; s.left <= last.right {
			last.right = max(last.right, s.right)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

var leaders = regexp.MustCompile(`(?:[.·…]\s?){3,}$`)

// contents takes a table of contents: lines that end in page numbers, most after dots.
func (c *composer) contents(ls []line) bool {
	var b strings.Builder
	dotted := 0
	for _, l := range ls {
		last := len(l.cells) - 1
		number := strings.TrimSpace(l.cells[last].text)
		if !isNumber(number) {
			return false
		}
		var words []string
		for _, cell := range l.cells[:last] {
			words = append(words, strings.TrimSpace(hyphens(cell.text)))
		}
		text := strings.Join(words, " ")
		if leaders.MatchString(text) {
			dotted++
			text = strings.TrimSpace(leaders.ReplaceAllString(text, ""))
		}
		b.WriteString(text + " ..... " + number + "\n")
	}
	if 2*dotted < len(ls) {
		return false
	}
	c.add(block{kind: table, text: strings.TrimRight(b.String(), "\n")})
	return true
}
