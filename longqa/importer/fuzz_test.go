package importer

import (
	"bufio"
	"strings"
	"testing"
)

// Whatever a file holds, every row is an example that may be written or a problem with its place.
func FuzzRows(f *testing.F) {
	for _, s := range []string{
		`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`,
		`[{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}]`, "{\n[\n\xff",
		`{"instruction":"a","output":"b","history":[["x","y"]],"context":"c"}`, `[1,2`, `{"id":3,"split":{}}`,
	} {
		for i := range formats {
			f.Add(s, i, s != "" && s[0] == '[')
		}
	}
	f.Fuzz(func(t *testing.T, text string, format int, array bool) {
		if format < 0 || format >= len(formats) {
			return
		}
		o := Own{Format: formats[format], Set: "x", Licence: "MIT", LongTurn: 20}
		name := "f.jsonl"
		if array {
			name = "f.json"
		}
		for v, err := range rowsIn(bufio.NewReader(strings.NewReader(text)), name) {
			if err != nil {
				return
			}
			row := o.row(v)
			switch {
			case row.Problem != "":
				if row.Reason == "" || !strings.HasPrefix(row.Problem, name) {
					t.Errorf("problem %q, reason %q", row.Problem, row.Reason)
				}
			case row.Instruction == "" || row.Output == "" || row.Validate() != nil:
				t.Errorf("row %+v: %v", row, row.Validate())
			}
		}
	})
}
