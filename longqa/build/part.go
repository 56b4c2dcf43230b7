package build

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"longlora/internal/tokenizer"
	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/outline"
	"longlora/longqa/task"
	"longlora/pipeline/split"
)

// part is material that is worked on at one time: a Go tree, or as many texts as memory should
// hold.
type part struct {
	name    string // tells the parts of a build apart
	suffix  string // of the names of steps
	program *code.Program
	texts   map[string]*outline.Text
	docs    []*material.Document // code and texts
	splits  map[string]string
	shares  map[string]float64
	meta    map[string]string // of every row
	quota   []Quota
	most    int // questions about one document
}

// hasAny reports whether some document is of one of the splits.
func (p *part) hasAny(splits []string) bool {
	return slices.ContainsFunc(p.docs, func(d *material.Document) bool {
		return slices.Contains(splits, p.splits[d.ID])
	})
}

// count fills in the tokens of every piece.
func (p *part) count(ctx context.Context, t *tokenizer.Tokenizer) error {
	return parallel(ctx, len(p.docs), func(i int) error {
		e := t.NewEncoder()
		var ids []int32
		for _, part := range p.docs[i].Parts {
			for _, piece := range part.Pieces {
				ids = e.Encode(ids[:0], piece.Text(), false)
				piece.Tokens = len(ids)
			}
		}
		return nil
	})
}

// plantRoom is the number of tokens that planted lines may take.
const plantRoom = 900

// compose makes the views: held-out splits first get their part of each band, training the rest.
// Large bands come first, since few documents can serve them.
func (p *part) compose(r Recipe) []*chosen {
	var views []*chosen
	composers := map[string]*material.Composer{}
	share := map[string]float64{}
	held := map[string]int{} // views made, by split and band
	for _, name := range []string{split.Test, split.Validation, split.Train} {
		var docs []*material.Document
		for _, d := range p.docs {
			if p.splits[d.ID] == name {
				docs = append(docs, d)
			}
		}
		composers[name] = material.NewComposer(p.name+name, docs, p.most)
		share[name] = float64(len(docs)) / float64(max(len(p.docs), 1))
	}
	left := slices.Clone(p.quota)
	for pass := range passes {
		for i := len(p.quota) - 1; i >= 0; i-- {
			for _, name := range []string{split.Test, split.Validation, split.Train} {
				want := left[i].Views
				if name != split.Train {
					want = int(float64(p.quota[i].Views)*share[name] + 0.5)
					want = max(0, want-held[name+left[i].String()])
				}
				want = fair(min(want, left[i].Views), left, composers[name].Left(r.PerView))
				want = (want + passes - pass - 1) / (passes - pass)
				made := p.composeSome(composers[name], name, left[i].Band, want, r.PerView)
				left[i].Views -= len(made)
				held[name+left[i].String()] += len(made)
				views = append(views, made...)
			}
		}
	}
	return views
}

// passes is how often the bands are gone through, each time for an even part of what is left, so
// that documents that cannot give all give the same part of every length.
const passes = 8

// fair is how many of the wanted contexts of one length a split gets, if its documents cannot give
// all that are left of every length.
func fair(want int, left []Quota, most int) int {
	all := 0
	for _, q := range left {
		all += q.Views
	}
	if all <= most || all == 0 {
		return want
	}
	return int(math.Ceil(float64(want) * float64(most) / float64(all)))
}

// composeSome makes up to n views of a split within a band.
func (p *part) composeSome(c *material.Composer, name string, band material.Band,
	n, per int) []*chosen {
	var made []*chosen
	for tries := 0; len(made) < n && tries < 4*n+8 && c.Left(per) > 0; tries++ {
		planted := p.plants(name, band, tries)
		room := band
		if planted {
			room.To = max(band.To-plantRoom, band.From+(band.To-band.From)/2)
		}
		v := c.Next(room, per)
		if v == nil {
			continue
		}
		c.Spend(v, per)
		made = append(made, &chosen{view: v, split: name, band: band, planted: planted})
	}
	return made
}

// plants draws whether a view's questions are about planted lines, by the share of such tasks.
func (p *part) plants(name string, band material.Band, n int) bool {
	all, planting := 0.0, 0.0
	for _, t := range sortedKeys(p.shares) {
		all += p.shares[t]
		if task.Planting(t) {
			planting += p.shares[t]
		}
	}
	return planting > 0 && dice.New("plants", p.name, name, band.String(), fmt.Sprint(n)).Float() <
		planting/all
}

// batchViews is the number of views that are in memory with all their questions, viewsPerFile that
// in one Parquet file.
const (
	viewsPerFile = 64
	batchViews   = 4 * viewsPerFile
)

// batches yields a split's views in a drawn order that mixes bands.
func batches(p *part, views []*chosen, name string) iter.Seq[[]*chosen] {
	var some []*chosen
	for _, v := range views {
		if v.split == name {
			some = append(some, v)
		}
	}
	some = dice.Shuffled(dice.New("choose", p.name, name), some)
	return func(yield func([]*chosen) bool) {
		for i := 0; i < len(some); i += batchViews {
			batch := some[i:min(i+batchViews, len(some))]
			if !yield(batch) {
				return
			}
			clear(batch)
		}
	}
}
