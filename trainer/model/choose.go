package model

import (
	"errors"
	"math"
	"slices"
)

// Choice is what to compute again, and what that comes to.
type Choice struct {
	// Again has an entry for each layer.
	Again []Again
	// Bytes is the working memory of Gradient, and Kept what of that its forward pass keeps.
	Bytes, Kept int64
	// FLOPs are the operations of Gradient, and Extra those of what is computed again.
	FLOPs, Extra float64
}

// Choose finds what to compute again so that the working memory of Gradient for micro-batches like
// that (see Blank) takes at most budget bytes, with as few operations as possible. If nothing fits, it
// returns the choice that takes the least memory. Everything is counted, nothing is computed.
//
// Giving up a part of a layer saves the same wherever the layer is, so layers give up first what
// saves most for an operation: all of them that part, before any of them the next. The first layers
// go first: when they are derived, what the others kept has been given back.
func Choose(c Config, o Options, like *Batch, budget int64) (best Choice, err error) {
	k, err := newCounter(c, o, like)
	if err != nil {
		return best, err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	all, err := k.measure(0)
	if err != nil || all.Bytes <= budget {
		return all, err
	}
	if err := k.sort(); err != nil {
		return best, err
	}
	last := len(parts) * c.Layers
	best, err = k.measure(last)
	low, high := 0, last // low is too large, high the least known to fit
	for err == nil && high-low > 1 {
		var middle Choice
		middle, err = k.measure((low + high) / 2)
		switch {
		case middle.Bytes <= budget:
			best, high = middle, (low+high)/2
		case best.Bytes > budget && middle.Bytes < best.Bytes:
			best = middle
			fallthrough
		default:
			low = (low + high) / 2
		}
	}
	if err == nil {
		best, err = k.takeBack(best, budget)
	}
	best.Extra = best.FLOPs - all.FLOPs
	return best, err
}

// takeBack keeps again what was given up in vain: by the last layers, what their gradients need
// anyway while all else is kept.
func (k *counter) takeBack(c Choice, budget int64) (Choice, error) {
	for l := len(c.Again) - 1; l >= 0; l-- {
		for _, part := range k.order {
			again := slices.Clone(c.Again)
			if again[l] = again[l].without(part); again[l] == c.Again[l] {
				continue
			}
			x, err := k.count(again)
			if err != nil {
				return c, err
			}
			if x.Bytes <= max(budget, c.Bytes) && x.FLOPs <= c.FLOPs {
				c = x
			}
		}
	}
	return c, nil
}

// parts are what a layer can give up.
var parts = [...]Again{{Rows: true}, {MLP: true}, {Attention: true}}

func (a Again) or(b Again) Again {
	return Again{a.Attention || b.Attention, a.MLP || b.MLP, a.Rows || b.Rows}
}

func (a Again) without(b Again) Again {
	return Again{a.Attention && !b.Attention, a.MLP && !b.MLP, a.Rows && !b.Rows}
}

// counter counts a gradient under any choice, on the planning backend.
type counter struct {
	twin  *Model
	batch *Batch
	order []Again
}

func newCounter(c Config, o Options, like *Batch) (*counter, error) {
	b := o.Planner()
	twin, err := New(b, c, o)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &counter{twin, like, parts[:]}, nil
}

func (k *counter) close() error { return errors.Join(k.twin.Close(), k.twin.b.Close()) }

// measure counts with the first n things given up: a layer's part each, in order.
func (k *counter) measure(n int) (Choice, error) {
	layers := k.twin.config.Layers
	again := make([]Again, layers)
	for i := range n {
		again[i%layers] = again[i%layers].or(k.order[i/layers])
	}
	return k.count(again)
}

func (k *counter) count(again []Again) (c Choice, err error) {
	k.twin.options.Again = again
	if err := k.twin.resize(math.MaxInt64); err != nil {
		return c, err
	}
	before := k.operations()
	if err := k.twin.gradient(k.batch, 1, nil); err != nil {
		return c, err
	}
	return Choice{
		Again: again, Bytes: k.twin.work.arena.Peak(), Kept: k.twin.work.kept,
		FLOPs: k.operations() - before,
	}, nil
}

// operations returns those that the backend has counted; one that counts none makes all the same.
func (k *counter) operations() float64 {
	if b, ok := k.twin.b.(interface{ FLOPs() float64 }); ok {
		return b.FLOPs()
	}
	return 0
}

// sort orders the parts by what they save for an operation, each after those before it.
func (k *counter) sort() error {
	left, given := slices.Clone(parts[:]), Again{}
	k.order = nil
	for len(left) > 0 {
		before, err := k.count([]Again{given})
		if err != nil {
			return err
		}
		best, most := 0, math.Inf(-1)
		for i, part := range left {
			after, err := k.count([]Again{given.or(part)})
			if err != nil {
				return err
			}
			saved := float64(before.Kept-after.Kept) / (after.FLOPs - before.FLOPs + 1)
			if saved > most {
				best, most = i, saved
			}
		}
		given = given.or(left[best])
		k.order = append(k.order, left[best])
		left = slices.Delete(left, best, best+1)
	}
	return nil
}
