package figures

import (
	"fmt"
	"strings"
	"testing"

	"longlora/longqa/material"
	"longlora/schemas"
)

// sound are limits that the rows of soundRows keep.
var sound = Limits{
	MinRows: 100, MinDocuments: 10, MaxRowsPerDocument: 10, MaxTaskShare: 0.25, MinBandRows: 50,
	MinBandContexts: 20, MinFarShare: 0.3, FarApart: 0.25, MinUnanswerable: 0.1, MaxDepthChi2: 16.92,
}

// soundRows has 100 rows: ten documents, five tasks, two bands, evidence at every depth.
func soundRows() []schemas.Example {
	var rows []schemas.Example
	for i := range 100 {
		row := schemas.Example{
			DocIDs: []string{fmt.Sprint("d", i%10)}, Task: fmt.Sprint("t", i%5), Genre: "code",
			Context: fmt.Sprintf("%-1000d", i/2), NTokens: int32(100 + 100*(i%2)),
			QuestionFirst: i%4 < 2, Meta: map[string]string{},
			Evidence: []schemas.Span{{Start: int64(i%10*100 + 40), End: int64(i%10*100 + 60)}},
		}
		if i%5 < 4 { // the other half of the context too
			other := schemas.Span{Start: int64((i + 5) % 10 * 100), End: int64((i+5)%10*100 + 90)}
			row.Evidence = append(row.Evidence, other)
			if i%10 >= 5 {
				row.Evidence[0], row.Evidence[1] = other, row.Evidence[0]
			}
		}
		if i%5 == 4 && i%2 == 0 {
			row.Evidence, row.Meta["unanswerable"] = nil, "absent"
		}
		rows = append(rows, row)
	}
	return rows
}

func figuresOf(rows []schemas.Example) *Figures {
	f := New([]material.Band{{From: 100, To: 200}, {From: 200, To: 300}}, sound.FarApart)
	for i := range rows {
		f.Add(See(&rows[i], 1000))
	}
	f.Finish()
	return f
}

func TestCheckAccepts(t *testing.T) {
	f := figuresOf(soundRows())
	if err := f.Check(sound); err != nil {
		t.Errorf("%v\n%s", err, f.Table())
	}
	if f.Far != 80 || f.Unanswerable != 10 || f.QuestionFirst != 50 || f.Documents != 10 {
		t.Errorf("%+v", f)
	}
}

// Every limit can be missed, and says so.
func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func([]schemas.Example) []schemas.Example
		want   string
	}{
		{"rows", func(r []schemas.Example) []schemas.Example { return r[:90] },
			"90 rows, want at least 100"},
		{"documents", each(func(i int, r *schemas.Example) {
			if i%10 == 9 {
				r.DocIDs = []string{"d0"}
			}
		}), "9 documents, want at least 10"},
		{"rows of a document", each(func(i int, r *schemas.Example) {
			if i == 1 {
				r.DocIDs = []string{"d0"}
			}
		}), "11 rows about one document"},
		{"task share", each(func(i int, r *schemas.Example) {
			if i%20 == 1 || i == 2 {
				r.Task = "t0"
			}
		}), "task t0 has 0.260"},
		{"band", each(func(i int, r *schemas.Example) {
			if i == 0 {
				r.NTokens = 200
			}
		}), "49 rows of 0k-0k tokens, want at least 50"},
		{"no band", each(func(i int, r *schemas.Example) {
			if i == 0 {
				r.NTokens = 300
			}
		}), "1 rows are in no band"},
		{"contexts", each(func(i int, r *schemas.Example) {
			if i%2 == 0 {
				r.Context = fmt.Sprint(i % 38)
			}
		}), "19 contexts"},
		{"far", each(func(i int, r *schemas.Example) {
			if i < 65 && len(r.Evidence) > 1 {
				r.Evidence = r.Evidence[i%10/5:][:1]
			}
		}), "0.280 of the rows have evidence far apart"},
		{"unanswerable", each(func(i int, r *schemas.Example) {
			if i < 10 {
				r.Meta = map[string]string{}
			}
		}), "0.090 of the rows are unanswerable"},
		{"question", each(func(_ int, r *schemas.Example) { r.QuestionFirst = true }),
			"first in 100 of 100"},
		{"depth", each(func(_ int, r *schemas.Example) {
			for k := range r.Evidence {
				r.Evidence[k].Start, r.Evidence[k].End = r.Evidence[k].Start/3, r.Evidence[k].End/3
			}
		}), "chi-square"},
	} {
		err := figuresOf(c.change(soundRows())).Check(sound)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.name, err, c.want)
		}
	}
}

func each(change func(i int, r *schemas.Example)) func([]schemas.Example) []schemas.Example {
	return func(rows []schemas.Example) []schemas.Example {
		for i := range rows {
			change(i, &rows[i])
		}
		return rows
	}
}

// Ten equal bins with counts n±k have chi-square 10·k²/n.
func TestDepthChi2(t *testing.T) {
	f := New(nil, 0.25)
	for i := range f.Depth {
		f.Depth[i] = float64(100 + 20*(i%2) - 10)
	}
	f.Finish()
	if got, want := f.DepthChi2, 10*10.*10/100; got != want {
		t.Errorf("got %g, want %g", got, want)
	}
	if Bin(0) != 0 || Bin(0.999) != 9 || Bin(1) != 9 {
		t.Error("a position is in the wrong bin")
	}
}
