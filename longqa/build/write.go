package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"longlora/longqa/figures"
	"longlora/longqa/material"
	"longlora/longqa/task"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// write renders and writes the rows of a batch, file by file on all processors, and counts them.
func (b *builder) write(ctx context.Context, p *part, name string, views []*chosen) error {
	var files [][]*chosen
	for i := 0; i < len(views); i += viewsPerFile {
		files = append(files, views[i:min(i+viewsPerFile, len(views))])
	}
	seen := make([][]*figures.Seen, len(files))
	first := b.files[name]
	b.files[name] += len(files)
	err := parallel(ctx, len(files), func(i int) (err error) {
		seen[i], err = b.writeFile(p, name, first+i, files[i])
		return err
	})
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	for _, file := range seen {
		for _, s := range file {
			b.figures.Add(s)
		}
	}
	return nil
}

// writeFile writes the rows of some views; without a row it writes no file.
func (b *builder) writeFile(p *part, name string, index int, views []*chosen) (
	[]*figures.Seen, error) {
	views = slices.DeleteFunc(slices.Clone(views), func(v *chosen) bool { return len(v.picked) == 0 })
	if len(views) == 0 {
		return nil, nil
	}
	w, err := shard.NewFile[schemas.Example](b.out, name, index)
	if err != nil {
		return nil, err
	}
	var all []*figures.Seen
	encoder := b.Tokenizer.NewEncoder()
	var ids []int32
	for _, v := range views {
		rows, chars, err := p.rows(v)
		if err != nil {
			return nil, err
		}
		ids = encoder.Encode(ids[:0], rows[0].Context, false)
		for i := range rows {
			rows[i].NTokens = int32(len(ids))
			all = append(all, figures.See(&rows[i], chars))
			if b.ClosedBook != nil {
				b.ClosedBook.See(rows[i].ID)
			}
		}
		if err := w.Write(rows...); err != nil {
			return nil, err
		}
	}
	return all, w.Close()
}

// rows renders a view's context, without what would give answers away, and its questions. chars is
// the context's length in code points.
func (p *part) rows(v *chosen) (rows []schemas.Example, chars int64, err error) {
	var removed []material.Range
	var planted []*material.Piece
	seen := map[*material.Piece]bool{}
	for _, o := range v.picked {
		removed = append(removed, o.Remove...)
		for _, q := range o.Plant {
			if !seen[q] {
				seen[q] = true
				planted = append(planted, q)
			}
		}
	}
	r := v.view.Render(removed, planted...)
	base := schemas.Example{
		Context: r.Text, Split: v.split, Genre: v.view.Docs[0].Document.Genre,
		Licence: licenceOf(v.view),
	}
	base.DocIDs = v.view.DocIDs()
	letters, excerpt := []rune(r.Text), v.view.Excerpt()
	rows = make([]schemas.Example, len(v.picked))
	for i, o := range v.picked {
		row := base
		row.Task, row.AnswerSource, row.QuestionFirst = o.task, o.Source, o.first
		row.Instruction, row.Output = o.Question, o.Answer
		row.Meta = map[string]string{"band": v.band.String()}
		maps.Copy(row.Meta, p.meta)
		maps.Copy(row.Meta, o.Meta)
		if excerpt != "" {
			row.Meta["excerpt"] = excerpt
		}
		if row.Evidence, err = spans(r, o.Candidate, len(v.view.Docs) > 1); err != nil {
			return nil, 0, fmt.Errorf("%s %s: %w", v.view.ID, o.Key, err)
		}
		if err := verify(letters, r, o.Candidate); err != nil {
			return nil, 0, fmt.Errorf("%s %s: %w", v.view.ID, o.Key, err)
		}
		row.ID = rowID(&row)
		rows[i] = row
	}
	return rows, r.Chars, nil
}

// verify requires that the context has at each place of evidence what the material has.
func verify(letters []rune, r *material.Rendered, c task.Candidate) error {
	for _, e := range c.Evidence {
		s, err := r.Span(e)
		if err != nil {
			return err
		}
		if got := string(letters[s.Start:s.End]); got != e.Text() {
			return fmt.Errorf("the context has %.60q in the place of the evidence %.60q", got, e.Text())
		}
	}
	return nil
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
		if c.Titled {
			all = append(all, r.Title(e.Piece.Document)...)
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

// compare holds the figures against the recipe and puts them into the report and the card.
func (b *builder) compare() error {
	b.out.Report("figures", b.figures.Report())
	b.out.Report("held_out", map[string]int64{
		"questions": b.guard.Questions(), "contexts_left_out": b.leaked,
	})
	if b.ClosedBook != nil {
		if err := b.ClosedBook.Check(); err != nil {
			return err
		}
		b.out.Report("closed_book", b.ClosedBook.Report())
	}
	b.out.Describe(b.card())
	if b.Limit > 0 {
		return nil
	}
	return b.figures.Check(b.Recipe.Limits)
}
