package build

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"strconv"

	"longlora/longqa/code"
	"longlora/longqa/corpus"
	"longlora/longqa/heldout"
	"longlora/longqa/outline"
	"longlora/pipeline/licence"
	"longlora/pipeline/split"
)

// windowBytes is about the text of corpora that is in memory at one time.
const windowBytes = 48 << 20

// parts yields a material's parts, one after the other, so that only one need be in memory.
func (b *builder) parts(ctx context.Context, i int) iter.Seq2[*part, error] {
	m := b.Recipe.Material[i]
	quota := b.quotaOf(i)
	shares := b.Recipe.Shares
	if len(m.Tasks) > 0 {
		shares = m.Tasks
	}
	if m.Rename != "" { // a comment may tell of what now has another name
		shares = maps.Clone(shares)
		delete(shares, "summary")
	}
	return func(yield func(*part, error) bool) {
		if m.Source == Goroot {
			p, err := b.goroot(ctx, m)
			if err == nil {
				p.name, p.shares, p.quota = partName(i, 0), shares, quota
				p.most = b.Recipe.rowsPerDocument(i)
			}
			yield(p, err)
			return
		}
		n, done := 0, int64(0)
		for w, err := range b.windows(ctx, i) {
			if err != nil {
				yield(nil, err)
				return
			}
			w.name, w.shares, w.most = partName(i, n), shares, b.Recipe.rowsPerDocument(i)
			from := float64(done) / float64(b.bytes[i])
			done += w.size
			w.quota = slice(quota, from, float64(done)/float64(b.bytes[i]))
			n++
			if !yield(w.part, nil) {
				return
			}
		}
	}
}

// partName is "" for the first material's only part, so that what it draws is the same however many
// others follow.
func partName(i, window int) string {
	if i == 0 && window == 0 {
		return ""
	}
	return strconv.Itoa(i) + "-" + strconv.Itoa(window) + "-"
}

// quotaOf is a material's part of the recipe's contexts, by weight.
func (b *builder) quotaOf(i int) []Quota {
	before, all := 0.0, 0.0
	for j, m := range b.Recipe.Material {
		w := m.Weight
		if w == 0 {
			w = 1
		}
		if j < i {
			before += w
		}
		all += w
	}
	w := b.Recipe.Material[i].Weight
	if w == 0 {
		w = 1
	}
	return slice(b.Recipe.Quota, before/all, (before+w)/all)
}

// rowsPerDocument is the most questions about one document of a material: materials that have the
// same documents share the recipe's limit.
func (r Recipe) rowsPerDocument(i int) int {
	most, alike := r.Limits.MaxRowsPerDocument, 0
	if most == 0 {
		return math.MaxInt32
	}
	for _, m := range r.Material {
		if of := r.Material[i]; m.Source == of.Source && m.Path == of.Path && m.Only == of.Only {
			alike++
		}
	}
	return most / alike
}

// slice is the part of every quota that lies between two fractions, rounded so that slices that
// cover all have all.
func slice(all []Quota, from, to float64) []Quota {
	part := make([]Quota, len(all))
	for i, q := range all {
		part[i] = q
		n := float64(q.Views)
		part[i].Views = int(math.Round(n*to)) - int(math.Round(n*from))
	}
	return part
}

// scan reads all corpora once: it rejects what no question can be asked about, and assigns splits
// over all of them together.
func (b *builder) scan(ctx context.Context) error {
	if len(b.corpora) == 0 {
		return nil
	}
	b.Step("read the material")
	given := map[string]string{}
	var failed error
	var all, dropped int64
	first := "" // that was dropped, and why
	texts := func(yield func(id, text string) bool) {
		names := newNames()
		for i := range b.Recipe.Material {
			if b.corpora[i] == nil || failed != nil {
				continue
			}
			if j, again := b.before(i); again {
				b.spills[i], b.bytes[i] = b.spills[j], b.bytes[j]
				continue
			}
			names.begin()
			b.spills[i], failed = b.corpora[i].Spilled(ctx, b.out.Scratch(),
				func(it *corpus.Item) (bool, error) {
					b.examine(it, names)
					all++
					if it.Reason != "" {
						if dropped++; first == "" {
							first = fmt.Sprintf("; the first is %s: %s: %s", it.DocID, it.Reason, it.Detail)
						}
						b.out.Reject(it.DocID, it.Reason, it.Detail)
						return false, nil
					}
					b.bytes[i] += int64(len(it.Text))
					if it.Split != "" {
						given[it.DocID] = it.Split
					}
					return true, errStop(yield(it.DocID, it.Text))
				})
		}
	}
	splits, err := split.Assign(texts, split.DefaultShares())
	if failed != nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("read the material: %w", err)
	}
	for id, s := range given {
		splits[id] = s
	}
	b.splits = splits
	err = b.MaxDropped.Check("documents were dropped", "--max-dropped", dropped, all, b.out.Rejected())
	if err != nil {
		err = fmt.Errorf("%w%s", err, first)
	}
	if err == nil && len(splits) == 0 {
		err = corpus.ErrNoDocuments
	}
	return err
}

// before returns the first material before i that names the same documents in the same way.
func (b *builder) before(i int) (first int, ok bool) {
	for j, m := range b.Recipe.Material[:i] {
		if m.Material == b.Recipe.Material[i].Material {
			return j, true
		}
	}
	return 0, false
}

// errStop is an error if a reader wants no more.
func errStop(more bool) error {
	if more {
		return nil
	}
	return context.Canceled
}

// examine gives an item a reason if its licence is not let through, if it holds text of an
// evaluation set, or if it is a document that is there already; else it gets an id of its own.
func (b *builder) examine(it *corpus.Item, names *names) {
	switch {
	case it.Reason != "":
	case b.Gate.Check(it.Licence) != "":
		it.Reason, it.Detail = licence.Reason, b.Gate.Check(it.Licence)
	default:
		sets := heldout.Evaluation{Index: b.Evaluation}
		if hit := sets.Hit(it.Text); hit != "" {
			it.Reason, it.Detail = heldout.EvaluationText, hit
			return
		}
		names.name(it)
	}
}

// window is a part of a corpus.
type window struct {
	*part
	size int64
}

// windows cuts a corpus into parts of about windowBytes.
func (b *builder) windows(ctx context.Context, i int) iter.Seq2[window, error] {
	return func(yield func(window, error) bool) {
		w := b.newWindow()
		for it, err := range b.spills[i].Items(ctx) {
			if err != nil {
				yield(window{}, err)
				return
			}
			if w.size > 0 && w.size+int64(len(it.Text)) > windowBytes {
				if !yield(w, nil) {
					return
				}
				w = b.newWindow()
			}
			w.add(b.corpora[i], &it)
		}
		if w.size > 0 {
			yield(w, nil)
		}
	}
}

func (b *builder) newWindow() window {
	return window{part: &part{
		program: code.None(), texts: map[string]*outline.Text{}, splits: b.splits,
		meta: map[string]string{},
	}}
}

func (w *window) add(c *corpus.Corpus, it *corpus.Item) {
	t := c.Parse(&it.Document)
	w.texts[it.DocID] = t
	w.docs = append(w.docs, t.Document)
	w.size += int64(len(it.Text))
}
