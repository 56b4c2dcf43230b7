package build

import (
	"context"
	"fmt"
	"slices"

	"longlora/longqa/dice"
	"longlora/longqa/figures"
	"longlora/longqa/heldout"
	"longlora/longqa/rule"
	"longlora/longqa/task"
	"longlora/pipeline/split"
)

// batch asks about some views, chooses questions and writes the rows.
func (b *builder) batch(ctx context.Context, p *part, name string, views []*chosen) error {
	if err := p.propose(ctx, views); err != nil {
		return fmt.Errorf("propose questions: %w", err)
	}
	if name == split.Train {
		if err := b.keepOut(ctx, views); err != nil {
			return fmt.Errorf("look for held-out questions: %w", err)
		}
	}
	for _, v := range views {
		b.chooser.choose(v, p.shares)
		b.hold(name, v)
		for _, r := range v.reject {
			b.out.Reject(r.id, r.reason, r.detail)
		}
		v.scope, v.offers, v.reject = nil, nil, nil
	}
	return b.write(ctx, p, name, views)
}

// keepOut leaves no question of the views whose material has text of a question that is held out.
func (b *builder) keepOut(ctx context.Context, views []*chosen) error {
	found := make([]string, len(views))
	err := parallel(ctx, len(views), func(i int) error {
		if words, name := b.guard.Hit(views[i].view.Render(nil).Text); words != "" {
			found[i] = fmt.Sprintf("%q of %s", words, name)
		}
		return nil
	})
	for i, detail := range found {
		if detail != "" {
			v := views[i]
			b.leaked++
			v.offers, v.reject = nil, []rejected{{v.view.ID, "held-out-question-in-context", detail}}
		}
	}
	return err
}

// hold remembers the questions of a view that is not trained on.
func (b *builder) hold(split string, v *chosen) {
	if split == heldout.Train {
		return
	}
	for _, o := range v.picked {
		b.guard.Hold(o.task+" "+o.Key, o.Question, o.Answer)
	}
}

// propose asks every task about every view and drops what the rules reject.
func (p *part) propose(ctx context.Context, views []*chosen) error {
	return parallel(ctx, len(views), func(i int) error {
		c := views[i]
		c.scope = task.NewScope(c.view, p.program, p.texts)
		var grams *rule.Grams
		for _, t := range task.All() {
			if p.shares[t.Name()] == 0 || task.Planting(t.Name()) && !c.planted {
				continue
			}
			for n, candidate := range t.Propose(c.scope, dice.New(t.Name(), c.view.ID)) {
				if c.planted != (len(candidate.Plant) > 0) {
					continue
				}
				if len(candidate.Remove) > 0 && grams == nil {
					grams = rule.GramsOf(c.view.Render(nil).Text)
				}
				if reason := reject(candidate, grams); reason != "" {
					c.reject = append(c.reject,
						rejected{c.view.ID + " " + candidate.Key, reason, ""})
					continue
				}
				c.offers = append(c.offers, offer{Candidate: candidate, task: t.Name(), number: n})
			}
		}
		return nil
	})
}

// reject returns why a summary is none, "" for all else.
func reject(c task.Candidate, context *rule.Grams) string {
	if len(c.Remove) == 0 {
		return ""
	}
	if reason := rule.Summary(c.Answer, c.Meta["name"]); reason != "" {
		return reason
	}
	var removed []string
	for _, r := range c.Remove {
		removed = append(removed, r.Text())
	}
	if context.Left(c.Answer, removed) >= rule.MaxGramsLeft {
		return rule.Leaks
	}
	return ""
}

// chooser balances the dataset as it grows.
type chooser struct {
	recipe Recipe
	rows   int
	far    int
	task   map[string]int
	depth  [figures.DepthBins]float64
	asked  map[string]bool
	alike  *duplicates
}

func newChooser(r Recipe) *chooser {
	return &chooser{
		recipe: r, task: map[string]int{}, asked: map[string]bool{}, alike: newDuplicates(),
	}
}

// choose picks a view's questions.
func (c *chooser) choose(v *chosen, shares map[string]float64) {
	for len(v.picked) < c.recipe.PerView {
		o, ok := c.next(v, shares)
		if !ok {
			break
		}
		if docs := v.view.DocIDs(); c.alike.has(o, docs) {
			c.asked[o.task+" "+o.Key] = true
			v.reject = append(v.reject,
				rejected{v.view.ID + " " + o.Key, "near-duplicate-question", ""})
			continue
		}
		c.take(v, o)
	}
}

// next is the best offer of the task that is most behind its share. One view is asked twice for a
// task at most.
func (c *chooser) next(v *chosen, shares map[string]float64) (offer, bool) {
	best, found := offer{}, false
	bestTask, bestFit := 0.0, 0.0
	for _, o := range v.offers {
		if c.asked[o.task+" "+o.Key] || count(v.picked, o.task) >= 2 || removedTokens(o) > v.spare() {
			continue
		}
		behind := shares[o.task]*float64(c.rows+1) - float64(c.task[o.task])
		fit := c.fit(v.scope, o)
		if !found || behind > bestTask || behind == bestTask && fit > bestFit {
			best, bestTask, bestFit, found = o, behind, fit, true
		}
	}
	return best, found
}

// bytesPerToken is less than any context's mean, so that dividing by it gives too many tokens.
const bytesPerToken = 2

// removedTokens bounds the tokens that an offer takes out of its context.
func removedTokens(o offer) int {
	n := 0
	for _, r := range o.Remove {
		n += (r.End - r.Start) / bytesPerToken
	}
	return n
}

// spare is the number of tokens that may still be taken out of a view without leaving its band; a
// context's own count is up to a hundredth less than the sum of its pieces'.
func (v *chosen) spare() int {
	n := v.view.Tokens() - v.band.From - v.band.From/100
	for _, o := range v.picked {
		n -= removedTokens(o)
	}
	return n
}

func count(picked []offer, task string) int {
	n := 0
	for _, o := range picked {
		if o.task == task {
			n++
		}
	}
	return n
}

// fit is how much an offer helps: evidence where there is little so far, and far apart.
func (c *chooser) fit(s *task.Scope, o offer) float64 {
	positions := s.Positions(o.Candidate)
	if len(positions) == 0 {
		return 0
	}
	mean := 0.0
	for _, n := range c.depth {
		mean += n / figures.DepthBins
	}
	fit := 0.0
	for _, p := range positions {
		fit += (mean - c.depth[figures.Bin(p)]) / float64(len(positions))
	}
	if isFar(positions, c.recipe.Limits.FarApart+slack) &&
		float64(c.far) < (c.recipe.Limits.MinFarShare+0.05)*float64(c.rows) {
		fit += farBonus
	}
	return fit
}

// slack is how much farther apart than required evidence must be here, where positions are those of
// its middles.
const slack = 0.02

// farBonus puts evidence far apart before any depth, while there is too little of it.
const farBonus = 1e6

// isFar reports whether two positions lie at least a part of the view apart.
func isFar(positions []float64, apart float64) bool {
	return len(positions) > 1 && slices.Max(positions)-slices.Min(positions) >= apart
}

func (c *chooser) take(v *chosen, o offer) {
	o.first = c.task[o.task]%2 == 0
	v.picked = append(v.picked, o)
	c.alike.add(o, v.view.DocIDs())
	c.asked[o.task+" "+o.Key] = true
	c.task[o.task]++
	c.rows++
	positions := v.scope.Positions(o.Candidate)
	for _, p := range positions {
		c.depth[figures.Bin(p)] += 1 / float64(len(positions))
	}
	if isFar(positions, c.recipe.Limits.FarApart+slack) {
		c.far++
	}
}
