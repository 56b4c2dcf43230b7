package prose

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Table is a pipe table with a head, as Markdown has them.
type Table struct {
	Columns []string
	Head    Span // its line
	Rows    []Row
	// Sound: it is a table for certain, and each row has as many cells as the head.
	Sound bool
}

// Row is a line of a table.
type Row struct {
	Cells []string
	Line  Span
}

// Tables finds the pipe tables of a text: a line of cells, a line of dashes and rows.
func Tables(text string) []Table {
	var all []Table
	lines := Paragraphs(text, true)
	for i := 0; i+2 < len(lines); i++ {
		head := cellsOf(lines[i].Of(text))
		if len(head) < 2 || !dashes(lines[i+1].Of(text), len(head)) ||
			strings.TrimSpace(text[lines[i].End:lines[i+1].Start]) != "" {
			continue
		}
		t := Table{Columns: head, Head: trim(text, lines[i])}
		sound, j := true, i+2
		for ; j < len(lines) && lines[j].Start == lines[j-1].End; j++ {
			cells := cellsOf(lines[j].Of(text))
			if cells == nil {
				break
			}
			sound = sound && len(cells) == len(head)
			t.Rows = append(t.Rows, Row{cells, trim(text, lines[j])})
		}
		t.Sound = sound && len(t.Rows) >= 2 && t.sound()
		all = append(all, t)
		i = j - 1
	}
	return all
}

// cellsOf cuts a line of a pipe table; nil if it is none.
func cellsOf(line string) []string {
	line = strings.TrimSpace(line)
	if len(line) < 3 || line[0] != '|' || line[len(line)-1] != '|' || strings.Contains(line, `\|`) {
		return nil
	}
	cells := strings.Split(line[1:len(line)-1], "|")
	for i, c := range cells {
		cells[i] = strings.Join(strings.Fields(c), " ")
	}
	return cells
}

func dashes(line string, columns int) bool {
	cells := cellsOf(line)
	if len(cells) != columns {
		return false
	}
	for _, c := range cells {
		if c == "" || strings.Trim(c, ":-") != "" || !strings.Contains(c, "-") {
			return false
		}
	}
	return true
}

// maxHead is the greatest length of a column's name, in bytes; minNumbers, of tenths, is the least
// part of a column's cells that have a digit where it is one of figures.
const (
	maxHead    = 48
	minNumbers = 8
)

var (
	// year is a name of a column that has no letter.
	year = regexp.MustCompile(`^(?:1[89]|20)\d\d(?:[-–/]\d{2,4})?$`)
	// figure is an entry rather than a name.
	figure = regexp.MustCompile(`^[0-9\\·.,;−+=(-]|[0-9][.,][0-9]|\([~0-9]`)
	// entry is what stands in an index, a table of contents or a list of options: a page, a value, a
	// sentence.
	entry = regexp.MustCompile(`(?:^|[\s=,])[0-9]|^[ivxlc]+$|\.$`)
	// page ends an entry of an index.
	page = regexp.MustCompile(`\pL.*, [0-9ivxl]+(?:[-–][0-9]+)?$`)
	// leaders lead from an entry of a table of contents to its page.
	leaders = regexp.MustCompile(`(?:\. ?){4}`)
)

// sound reports whether the lines are a table for certain, and not a layout, numbered lines or a
// formula: columns and rows have names, each row its own, no name of a column is a figure, and the
// first cells are no line numbers nor an index's entries.
func (t *Table) sound() bool {
	names := map[string]bool{}
	for _, c := range t.Columns[1:] {
		if c == "" || len(c) > maxHead || names[c] || !year.MatchString(c) &&
			(strings.IndexFunc(c, unicode.IsLetter) < 0 || figure.MatchString(c) || entry.MatchString(c)) {
			return false
		}
		names[c] = true
	}
	rows := map[string]bool{}
	numbers, pages := 0, 0
	for _, r := range t.Rows {
		first := r.Cells[0]
		if first == "" || rows[first] || strings.ContainsAny(first[:1], "\\·=(") ||
			leaders.MatchString(first) {
			return false
		}
		rows[first] = true
		if page.MatchString(first) {
			pages++
		}
		if strings.Trim(first, "0123456789.:") == "" {
			numbers++
		}
	}
	if 2*pages >= len(t.Rows) {
		return false // an index
	}
	return numbers < 2 || numbers < len(t.Rows) || !consecutive(t.Rows)
}

// consecutive reports whether most first cells are numbers that grow by one.
func consecutive(rows []Row) bool {
	steps := 0
	for i := 1; i < len(rows); i++ {
		a, _ := strconv.Atoi(strings.Trim(rows[i-1].Cells[0], ".:"))
		b, _ := strconv.Atoi(strings.Trim(rows[i].Cells[0], ".:"))
		if b == a+1 {
			steps++
		}
	}
	return 2*steps > len(rows)
}

// Figures reports whether nearly all of a column's cells have a digit.
func (t *Table) Figures(column int) bool {
	n := 0
	for _, r := range t.Rows {
		if strings.ContainsAny(r.Cells[column], "0123456789") {
			n++
		}
	}
	return 10*n >= minNumbers*len(t.Rows)
}
