package prose

import "strings"

// Table is a pipe table with a head, as Markdown has them.
type Table struct {
	Columns []string
	Head    Span // its line
	Rows    []Row
}

// Row is a line of a table.
type Row struct {
	Cells []string
	Line  Span
}

// Tables finds the pipe tables of a text: a line of cells, a line of dashes and at least two rows with
// as many cells as the head. A table with a row that has another number of cells is left out.
func Tables(text string) []Table {
	var all []Table
	lines := Paragraphs(text, true)
	for i := 0; i+3 < len(lines); i++ {
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
		if sound && len(t.Rows) >= 2 {
			all = append(all, t)
		}
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
