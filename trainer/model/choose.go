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
	// Bytes is the working memory of Gradient, and Kept what of that its forward pass keeps; Host is
	// what it takes of the host's memory.
	Bytes, Kept, Host int64
	// FLOPs are the operations of Gradient, and Extra those of what is computed again.
	FLOPs, Extra float64

	cost float64 // what is made least: seconds, where the planning backend counts them, or operations
}

// Choose finds what to compute again so that the working memory of Gradient for micro-batches like
// that (see Blank) takes at most budget bytes, with as few operations as possible, or in as little
// time, if the planning backend counts that. If nothing fits, it returns the choice that takes the
// least memory. Layers' activations may take up to host bytes of the host's memory; 0: they stay on the
// device. Everything is counted, nothing is computed.
//
// Giving up a part of a layer saves the same wherever the layer is, so layers give up first what
// saves most for an operation: all of them that part, before any of them the next. The first layers
// go first: when they are derived, what the others kept has been given back.
func Choose(c Config, o Options, like *Batch, budget, host int64) (best Choice, err error) {
	k, err := newCounter(c, o, like, host)
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
	last := len(k.order) * c.Layers
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
// anyway while all else is kept. Of a layer, what was given up last comes back first.
func (k *counter) takeBack(c Choice, budget int64) (Choice, error) {
	for l := len(c.Again) - 1; l >= 0; l-- {
		before := c.Again[l]
		for n := 0; n < len(k.order); n++ {
			again := slices.Clone(c.Again)
			if again[l] = again[l].without(k.order[len(k.order)-1-n]); again[l] == c.Again[l] {
				continue
			}
			x, err := k.count(again)
			if err != nil {
				return c, err
			}
			if x.Bytes <= max(budget, c.Bytes) && x.cost <= c.cost {
				c, n = x, -1 // now another may do
			}
		}
		if c.Again[l] == before && before != (Again{}) {
			break // nor do the layers before it
		}
	}
	return c, nil
}

// parts are what a layer can give up: rows, the MLP, the attention's products, all of the attention;
// last what is left on the device.
var parts = [...]Again{
	{Rows: true}, {MLP: true}, {Attention: true, Output: true}, {Attention: true}, {Offload: true},
}

// or gives up what a or b does.
func (a Again) or(b Again) Again {
	whole := a.Attention && !a.Output || b.Attention && !b.Output
	attention := a.Attention || b.Attention
	return Again{Attention: attention, Output: attention && !whole, MLP: a.MLP || b.MLP,
		Rows: a.Rows || b.Rows, Offload: a.Offload || b.Offload}
}

// without keeps again what b gives up. All of the attention becomes its products.
func (a Again) without(b Again) Again {
	switch {
	case b.Attention && b.Output:
		a.Attention, a.Output = false, false
	case b.Attention:
		a.Output = a.Attention
	}
	return Again{Attention: a.Attention, Output: a.Output, MLP: a.MLP && !b.MLP,
		Rows: a.Rows && !b.Rows, Offload: a.Offload && !b.Offload}
}

// Everything returns the choice that keeps nothing: both halves of every layer are computed again, and
// their inputs lie in the host's memory as far as it has room, of host bytes, for those of a
// micro-batch of tokens tokens.
func Everything(c Config, o Options, tokens int, host int64) []Again {
	again := make([]Again, c.Layers)
	for l := range again {
		again[l] = Again{Attention: true, MLP: true, Offload: host > 0}
	}
	t := &Model{config: c, options: o}
	return t.hosted(again, tokens, host)
}

// counter counts a gradient under any choice, on the planning backend.
type counter struct {
	twin  *Model
	batch *Batch
	order []Again
	host  int64
}

func newCounter(c Config, o Options, like *Batch, host int64) (*counter, error) {
	b := o.Planner()
	twin, err := New(b, c, o)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &counter{twin, like, parts[:], host}, nil
}

func (k *counter) close() error { return errors.Join(k.twin.Close(), k.twin.b.Close()) }

// measure counts with the first n things given up: a layer's part each, in order.
func (k *counter) measure(n int) (Choice, error) {
	layers := k.twin.config.Layers
	again := make([]Again, layers)
	for i := range n {
		again[i%layers] = again[i%layers].or(k.order[i/layers])
	}
	return k.count(k.twin.hosted(again, len(k.batch.IDs), k.host))
}

// hosted takes from the host what it has no room for: the last layers' activations.
func (m *Model) hosted(again []Again, tokens int, host int64) []Again {
	for l := len(again) - 1; l >= 0; l-- {
		m.options.Again = again
		if m.hostBytes(tokens) <= host {
			break
		}
		again[l].Offload = false
	}
	return again
}

func (k *counter) count(again []Again) (c Choice, err error) {
	k.twin.options.Again = again
	if err := k.twin.unbounded(); err != nil {
		return c, err
	}
	before, begun := k.operations(), k.seconds()
	if err := k.twin.planned(k.batch); err != nil {
		return c, err
	}
	c = Choice{
		Again: again, Bytes: k.twin.work.arena.Peak(), Kept: k.twin.work.kept,
		Host: k.twin.hostBytes(len(k.batch.IDs)), FLOPs: k.operations() - before,
	}
	if c.cost = k.seconds() - begun; c.cost == 0 {
		c.cost = c.FLOPs
	}
	return c, nil
}

// operations returns those that the backend has counted; one that counts none makes all the same.
func (k *counter) operations() float64 {
	if b, ok := k.twin.b.(interface{ FLOPs() float64 }); ok {
		return b.FLOPs()
	}
	return 0
}

// seconds returns the time that the backend has counted; one that counts none makes all the same.
func (k *counter) seconds() float64 {
	if b, ok := k.twin.b.(interface{ Seconds() float64 }); ok {
		return b.Seconds()
	}
	return 0
}

// sort orders the parts by what they save for an operation, each after those before it.
func (k *counter) sort() error {
	left, given := slices.Clone(parts[:]), Again{}
	if k.host == 0 {
		left = left[:len(left)-1]
	}
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
			cost := max(after.cost-before.cost, before.cost*1e-9)
			if saved := float64(before.Kept-after.Kept) / cost; saved > most {
				best, most = i, saved
			}
		}
		given = given.or(left[best])
		k.order = append(k.order, left[best])
		left = slices.Delete(left, best, best+1)
	}
	return nil
}
