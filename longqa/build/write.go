package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"

	"longlora/longqa/figures"
	"longlora/longqa/material"
	"longlora/longqa/task"
	"longlora/pipeline/split"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// viewsPerFile is the number of contexts in one Parquet file: the unit of parallel work.
const viewsPerFile = 64

// write renders and writes the rows, file by file on all processors, and sums the figures up.
func (b *builder) write(ctx context.Context) error {
	type job struct {
		split string
		index int
		views []*chosen
		seen  []*figures.Seen
	}
	var jobs []*job
	for _, name := range []string{split.Train, split.Validation, split.Test} {
		var views []*chosen
		for _, v := range b.views {
			if v.split == name && len(v.picked) > 0 {
				views = append(views, v)
			}
		}
		for i := 0; i < len(views); i += viewsPerFile {
			jobs = append(jobs, &job{
				split: name, index: i / viewsPerFile, views: views[i:min(i+viewsPerFile, len(views))],
			})
		}
	}
	err := parallel(ctx, len(jobs), func(i int) (err error) {
		jobs[i].seen, err = b.writeFile(jobs[i].split, jobs[i].index, jobs[i].views)
		return err
	})
	if err != nil {
		return err
	}
	b.figures = figures.New(b.Recipe.Bands(), b.Recipe.Limits.FarApart)
	for _, j := range jobs {
		for _, s := range j.seen {
			b.figures.Add(s)
		}
	}
	b.figures.Finish()
	return nil
}

func (b *builder) writeFile(name string, index int, views []*chosen) ([]*figures.Seen, error) {
	w, err := shard.NewFile[schemas.Example](b.out, name, index)
	if err != nil {
		return nil, err
	}
	var all []*figures.Seen
	encoder := b.Tokenizer.NewEncoder()
	var ids []int32
	for _, v := range views {
		rows, chars, err := b.rows(v)
		if err != nil {
			return nil, err
		}
		ids = encoder.Encode(ids[:0], rows[0].Context, false)
		for i := range rows {
			rows[i].NTokens = int32(len(ids))
			all = append(all, figures.See(&rows[i], chars))
		}
		if err := w.Write(rows...); err != nil {
			return nil, err
		}
	}
	return all, w.Close()
}

// rows renders a view's context, without what would give answers away, and its questions. chars is
// the context's length in code points.
func (b *builder) rows(v *chosen) (rows []schemas.Example, chars int64, err error) {
	var removed []material.Range
	for _, o := range v.picked {
		removed = append(removed, o.Remove...)
	}
	r := v.view.Render(removed)
	base := schemas.Example{
		Context: r.Text, Split: v.split, Genre: v.view.Docs[0].Document.Genre,
		Licence: licenceOf(v.view),
	}
	for _, k := range v.view.Docs {
		base.DocIDs = append(base.DocIDs, k.Document.ID)
	}
	rows = make([]schemas.Example, len(v.picked))
	for i, o := range v.picked {
		row := base
		row.Task, row.AnswerSource, row.QuestionFirst = o.task, o.Source, o.first
		row.Instruction, row.Output = o.Question, o.Answer
		row.Meta = map[string]string{
			"go_version": b.Tree.Version(), "goos": b.Tree.GOOS(), "goarch": b.Tree.GOARCH(),
			"band": v.band.String(),
		}
		for k, value := range o.Meta {
			row.Meta[k] = value
		}
		if row.Evidence, err = spans(r, o.Candidate, len(v.view.Docs) > 1); err != nil {
			return nil, 0, fmt.Errorf("%s %s: %w", v.view.ID, o.Key, err)
		}
		row.ID = rowID(&row)
		rows[i] = row
	}
	return rows, r.Chars, nil
}

// spans are the places of evidence in a context, in order, each once.
func spans(r *material.Rendered, c task.Candidate, several bool) ([]schemas.Span, error) {
	all := []schemas.Span{}
	for _, e := range c.Evidence {
		s, err := r.Span(e)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
		if c.Located {
			all = append(all, r.Headings(e.Piece.Part, e.Piece.Document, several)...)
		}
	}
	slices.SortFunc(all, func(a, b schemas.Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	return slices.Compact(all), nil
}

// rowID names a row by its content, so that it is the same wherever the row is made.
func rowID(row *schemas.Example) string {
	h := sha256.New()
	for _, s := range []string{row.Task, row.Instruction, row.Output, row.Context} {
		fmt.Fprintf(h, "%d\n%s", len(s), s)
	}
	return "longqa-" + hex.EncodeToString(h.Sum(nil)[:8])
}

// licenceOf is an expression over all documents of a view.
func licenceOf(v *material.View) string {
	seen := map[string]bool{}
	var all []string
	for _, k := range v.Docs {
		if l := k.Document.Licence; !seen[l] {
			seen[l] = true
			all = append(all, l)
		}
	}
	sort.Strings(all)
	return strings.Join(all, " AND ")
}

// hold compares the figures with the recipe and puts them into the report and the card.
func (b *builder) hold(context.Context) error {
	b.out.Report("figures", b.figures.Report())
	b.out.Describe(b.card())
	if b.Limit > 0 {
		return nil
	}
	return b.figures.Check(b.Recipe.Limits)
}
