// Command copygrid measures a small model for scripts/paper: its loss on held-out documents in pieces
// of ever more tokens, and what it can find in a long text, where it answers no question: whether it
// goes on with a passage that it has read before.
//
// A text of some length is a stretch of held-out tokens, in which a passage stands at some depth, and
// again at the end. After the first tokens of the second time, the cue, each further one is right if
// the model gives it the most probability; so one that looks back is right and one that does not is
// only as often right as the text is easy, which is measured too: with another passage in its place.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"

	"longlora/kernels"
	"longlora/kernels/pattern"
	"longlora/schemas/shard"
	"longlora/trainer/eval"
	"longlora/trainer/generate"
	"longlora/trainer/model"
	"longlora/trainer/open"
	"longlora/trainer/rope"
)

// grid is what to measure.
type grid struct {
	lengths         []int
	depths, samples int
	passage, cue    int
}

// cell is the result at one length and depth; a depth of -1 stands for the passage that was not
// there before.
type cell struct {
	Length int     `json:"length"`
	Depth  float64 `json:"depth"`
	// Right is the share of tokens with the most probability, NLL their mean loss in nats.
	Right   float64 `json:"right"`
	NLL     float64 `json:"nll"`
	Samples int     `json:"samples"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "copygrid:", err)
		os.Exit(1)
	}
}

func run() error {
	var o open.Options
	var g grid
	flag.StringVar(&o.Model, "model", "", "model; default: the adapter's own, or else base")
	flag.StringVar(&o.Adapter, "adapter", "", "adapter over it")
	flag.IntVar(&o.Context, "context", 0, "positions, RoPE extended without training; 0: the model's")
	kind := flag.String("rope", string(rope.Linear), "kind of that extension")
	shards := flag.String("shards", "", "sequence shards that the model was not trained on")
	split := flag.String("split", "test", "their split")
	longest := flag.Int("length", 2048, "longest text in tokens; its half and quarter are measured too")
	sequences := flag.Int("sequences", 48, "sequences to take losses on")
	flag.IntVar(&g.depths, "depths", 3, "depths of the passage")
	flag.IntVar(&g.samples, "samples", 8, "texts for each length and depth")
	flag.IntVar(&g.passage, "passage", 64, "tokens of a passage")
	flag.IntVar(&g.cue, "cue", 8, "first tokens of a passage, which are not scored")
	flag.IntVar(&o.Threads, "threads", 0, "CPU threads; 0: all")
	flag.Parse()
	o.Rope = rope.Kind(*kind)
	g.lengths = []int{*longest / 4, *longest / 2, *longest}
	tokens, err := stream(*shards, *split)
	if err != nil {
		return err
	}
	m, err := open.Open(o)
	if err != nil {
		return err
	}
	r := result{Losses: map[int]float64{}}
	if r.Copies, err = g.measure(m, tokens); err == nil {
		err = g.losses(m, *shards, *split, *sequences, r.Losses)
	}
	if err = errors.Join(err, m.Close()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// result is what is written.
type result struct {
	// Losses are mean losses in nats by the number of tokens of a piece.
	Losses map[int]float64 `json:"nll"`
	Copies []cell          `json:"copies"`
}

// losses measures the first sequences, in pieces of each of the lengths.
func (g *grid) losses(m *open.Model, dir, split string, sequences int, by map[int]float64) error {
	d, err := shard.Open(dir)
	if err != nil {
		return err
	}
	full := func(lens []int32) kernels.Segments {
		return pattern.Full(pattern.Layout{DocLens: lens, Heads: m.Config.Model.Heads})
	}
	scorer := eval.OfModel(m.Model, full, max(m.Options().Context, 4096))
	for _, length := range g.lengths {
		r, err := d.Sequences(context.Background(), shard.SequenceOptions{Split: split})
		if err != nil {
			return err
		}
		p, err := eval.PerToken(context.Background(), scorer, eval.Sequences(r, sequences), length, nil)
		r.Release()
		if err != nil {
			return err
		}
		by[length] = p.NLL
	}
	return nil
}

// stream returns the tokens of a split, one sequence after another.
func stream(dir, split string) (tokens []int32, err error) {
	d, err := shard.Open(dir)
	if err != nil {
		return nil, err
	}
	r, err := d.Sequences(context.Background(), shard.SequenceOptions{Split: split})
	if err != nil {
		return nil, err
	}
	defer r.Release()
	for s, err := range eval.Sequences(r, 0) {
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, s.InputIDs...)
	}
	return tokens, nil
}

func (g *grid) measure(m *open.Model, tokens []int32) (cells []cell, err error) {
	for _, length := range g.lengths {
		if need := g.samples * (length + g.passage); len(tokens) < need {
			return nil, fmt.Errorf("%d tokens, want %d for %d texts of %d", len(tokens), need, g.samples,
				length)
		}
		for d := -1; d < g.depths; d++ {
			c := cell{Length: length, Depth: -1, Samples: g.samples}
			if d >= 0 {
				c.Depth = (float64(d) + 0.5) / float64(g.depths)
			}
			for s := range g.samples {
				right, nll, err := g.score(m, g.text(tokens, length, s, c.Depth))
				if err != nil {
					return nil, err
				}
				c.Right += right / float64(g.samples)
				c.NLL += nll / float64(g.samples)
			}
			cells = append(cells, c)
		}
	}
	return cells, nil
}

// text returns sample s: equal stretches of the stream for every depth.
func (g *grid) text(tokens []int32, length, s int, depth float64) []int32 {
	each := len(tokens) / g.samples
	own := tokens[s*each : (s+1)*each]
	ids, rest := slices.Clone(own[:length]), own[length:]
	passage := rest[:g.passage]
	copy(ids[length-g.passage:], passage)
	if depth >= 0 {
		at := int(depth * float64(length-2*g.passage))
		copy(ids[at:], passage)
	}
	return ids
}

// score returns the share of the last passage's tokens after its cue that are right, and their mean
// loss.
func (g *grid) score(m *open.Model, ids []int32) (right, nll float64, err error) {
	from, n := len(ids)-g.passage+g.cue, float64(g.passage-g.cue)
	err = m.Logits(model.Document(ids, m.Config.Model.Heads), func(t int, row []float32) error {
		if t+1 < from || t+1 == len(ids) {
			return nil
		}
		want := ids[t+1]
		if model.Greatest(row) == want {
			right += 1 / n
		}
		logprob, _ := generate.Rank(row, want, 0)
		nll -= logprob / n
		return nil
	})
	return right, nll, err
}
