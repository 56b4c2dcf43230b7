package parity

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"longlora/kernels"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
	"longlora/trainer/checkpoint"
	"longlora/trainer/data"
	"longlora/trainer/model"
	"longlora/trainer/model/modeltest"
	"longlora/trainer/train"
)

// What ten AdamW steps may differ from PyTorch's by, relatively: a step's loss, and a tensor's
// total update in L2. They are far above rounding (golden.Naive), which Adam magnifies where a
// gradient is near zero, and far below what a wrong optimizer does (TestNoBiasCorrectionFails).
const (
	lossLimit   = 1e-4
	updateLimit = 1e-2
)

// descent is what ten steps gave.
type descent struct {
	losses, norms []float64
	// update is the greatest relative L2 distance of a tensor's total update.
	update float64
}

func TestTenSteps(t *testing.T) {
	each(t, func(t *testing.T, g *golden, m *model.Model, _ limits) {
		d := descend(t, g, m, 0)
		if n := len(d.losses); n != len(g.Losses) {
			t.Fatalf("%d steps, want %d", n, len(g.Losses))
		}
		for i, want := range g.Losses {
			if e := math.Abs(d.losses[i]/want - 1); e > lossLimit {
				t.Errorf("step %d: loss %v, want %v: differs by %.2g", i+1, d.losses[i], want, e)
			}
			if e := math.Abs(d.norms[i]/g.Norms[i] - 1); e > lossLimit {
				t.Errorf("step %d: gradient norm %v, want %v", i+1, d.norms[i], g.Norms[i])
			}
		}
		// Where a bias has no effect, as that of keys that do not turn, its gradient is rounding alone,
		// which Adam magnifies: twice what it costs PyTorch.
		if d.update > max(updateLimit, 2*g.Naive.Update) {
			t.Errorf("updates differ by up to %.2g", d.update)
		}
		first, last := d.losses[0], d.losses[len(d.losses)-1]
		if last > 0.95*first {
			t.Errorf("the loss fell from %v to %v, less than 5 %%", first, last)
		}
		t.Logf("loss %.4f to %.4f, differs by %.2g; updates by %.2g", first, last,
			relative(d.losses, g.Losses), d.update)
	})
}

// TestNoBiasCorrectionFails: from a late step on Adam's bias correction is 1, so that a run that
// begins there has none.
func TestNoBiasCorrectionFails(t *testing.T) {
	g := readGolden(t, "small-s2-yarn")
	d := descend(t, g, g.model(t, newBackend(t, "cpu")), 1<<20)
	if e := relative(d.losses, g.Losses); e <= lossLimit {
		t.Errorf("losses differ by %g only", e)
	}
	if d.update <= updateLimit {
		t.Errorf("updates differ by %g only", d.update)
	}
}

// rate returns the learning rate.
func (g *golden) rate() float64 {
	if g.LR != 0 {
		return g.LR
	}
	return 1e-3
}

// relative returns the greatest relative difference.
func relative(got, want []float64) float64 {
	var worst float64
	for i, w := range want {
		worst = max(worst, math.Abs(got[i]/w-1))
	}
	return worst
}

// descend trains ten steps, each on the case's one sequence, by the training loop itself, as if
// after many steps of which nothing is left but their number.
func descend(t *testing.T, g *golden, m *model.Model, after int) descent {
	t.Helper()
	before := map[string][]float32{}
	for _, p := range m.Params().Trainable() {
		before[p.Name] = m.Values(p)
	}
	d := descent{}
	dir := t.TempDir()
	l := &train.Loop{
		Options: train.Options{
			Schedule: train.Schedule{Kind: "constant", Peak: g.rate(), Steps: after + len(g.Losses)},
			Batch:    1, MicroTokens: len(g.IDs), Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Clip: 1,
			Checkpoints: filepath.Join(dir, "checkpoints"),
		},
		Model: m, World: kernels.Solo{}, Layout: g.layout(m.Config().Heads),
		Data: g.stream(t, filepath.Join(dir, "shards"), m), State: checkpoint.State{Step: after},
		Observe: func(s train.Metrics) error {
			d.losses, d.norms = append(d.losses, s.Loss), append(d.norms, s.GradNorm)
			return nil
		},
	}
	if err := l.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Params().Trainable() {
		moved := widen(m.Values(p))
		for i, v := range before[p.Name] {
			moved[i] -= float64(v)
		}
		e := modeltest.Distance(sketch(p.Name, moved), g.tensor(t, "update."+p.Name))
		d.update = max(d.update, e)
	}
	return d
}

// stream writes the case's sequence as a dataset and reads it.
func (g *golden) stream(t *testing.T, dir string, m *model.Model) *data.Stream {
	t.Helper()
	g.write(t, dir)
	set, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := data.Open(context.Background(), data.Shards{Dataset: set, Split: "train"},
		data.Position{}, data.Limits{Vocab: m.Config().Vocab, Context: len(g.IDs)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (g *golden) write(t *testing.T, dir string) {
	t.Helper()
	n := int32(len(g.IDs))
	o := shard.Options{Kind: schemas.KindSequence, Name: "parity"}
	shardtest.Write(t, dir, o, shardtest.File[schemas.Sequence]{Split: "train", Rows: []schemas.Sequence{{
		InputIDs: g.IDs, DocLens: []int32{n}, LossSpans: []schemas.LossSpan{{Start: 1, End: n}},
		LossWeights: []float32{1}, NTokens: n,
		Docs: []schemas.DocRef{{SampleID: "parity", Source: "oracle", Licence: "Apache-2.0"}},
	}}})
}
