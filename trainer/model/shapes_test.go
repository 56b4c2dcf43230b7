package model

import (
	"fmt"
	"testing"

	"longlora/kernels"
	"longlora/kernels/pattern"
	"longlora/trainer/model/modeltest"
)

// TestShapes trains models of odd shapes on the CPU and holds loss and gradients against float64:
// heads of sizes that are no whole tiles, or more than one; a vocabulary that is no multiple of
// anything; documents of one token.
func TestShapes(t *testing.T) {
	for _, c := range []Config{
		{Vocab: 31, Hidden: 40, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 48, FFN: 33},
		{Vocab: 31, Hidden: 24, Layers: 1, Heads: 3, KVHeads: 3, HeadDim: 80, FFN: 50},
		{Vocab: 31, Hidden: 24, Layers: 1, Heads: 2, KVHeads: 2, HeadDim: 96, FFN: 17},
		{Vocab: 31, Hidden: 24, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 112, FFN: 17},
		{Vocab: 31, Hidden: 24, Layers: 1, Heads: 2, KVHeads: 2, HeadDim: 160, FFN: 17},
		{Vocab: 31, Hidden: 24, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 256, FFN: 17},
		{Vocab: 32001, Hidden: 8, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 4, FFN: 7, Tied: true},
		{Vocab: 3, Hidden: 1, Layers: 2, Heads: 1, KVHeads: 1, HeadDim: 2, FFN: 1},
	} {
		c.Eps = 1e-5
		t.Run(fmt.Sprintf("head size %d, vocabulary %d", c.HeadDim, c.Vocab), func(t *testing.T) {
			for _, lens := range [][]int32{{1}, {2}, {1, 1, 1}, {37, 1, 20}} {
				if c.Vocab > 1000 && len(lens) > 1 {
					lens = lens[:2] // 37 and 1, or 1 and 1, are enough of so many logits
				}
				checkShape(t, c, lens)
			}
		})
	}
}

func checkShape(t *testing.T, c Config, lens []int32) {
	t.Helper()
	b := packed(c, 5, pattern.S2, 16, lens...)
	run := func(backend string) (float64, map[string][]float32, []float32) {
		m := newModel(t, open(t, backend, 2), c, everything(c))
		loss := gradient(t, m, 0.5, b)
		return loss, grads(m), modeltest.Logits(t, m, b)
	}
	loss, gradients, logits := run("cpu")
	wantLoss, wantGradients, wantLogits := run("reference")
	// Some 20 operators one after another, whose sums of up to 256 products err by the root of that
	// in units of 2^-24; differences of near values multiply by a few.
	const tolerance = 1024 * 0x1p-24
	if d := loss - wantLoss; d > tolerance*wantLoss || d < -tolerance*wantLoss {
		t.Errorf("documents %v: loss %g, want %g", lens, loss, wantLoss)
	}
	if d := modeltest.Distance(logits, wantLogits); !(d <= tolerance) {
		t.Errorf("documents %v: logits differ by %g", lens, d)
	}
	for name, want := range wantGradients {
		var size float64
		for _, x := range want {
			size += float64(x) * float64(x)
		}
		if size == 0 {
			continue // nothing has a target
		}
		if d := modeltest.Distance(gradients[name], want); !(d <= tolerance) {
			t.Errorf("documents %v: %s differs by %g", lens, name, d)
		}
	}
}

// TestDecodeShapes decodes token by token with heads of odd sizes, weights in either storage, and
// compares with a forward pass.
func TestDecodeShapes(t *testing.T) {
	for _, size := range []int{48, 80, 96, 112, 160, 256} {
		for _, weights := range []kernels.DType{kernels.F32, kernels.BF16} {
			c := Config{Vocab: 41, Hidden: 24, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: size, FFN: 33,
				Eps: 1e-5}
			o := loraPlus(c)
			o.Training, o.Train, o.Frozen = false, nil, weights
			m := newModel(t, open(t, "cpu", 2), c, o)
			b := packed(c, 4, pattern.Full, 0, 30)
			want := modeltest.Logits(t, m, b)
			d, err := m.NewDecoder(30, 7)
			if err != nil {
				t.Fatal(err)
			}
			for at := range 30 {
				got, err := d.Read(b.IDs[at])
				if err != nil {
					t.Fatal(err)
				}
				if x := modeltest.Distance(got, want[at*c.Vocab:(at+1)*c.Vocab]); !(x <= 64*0x1p-24) {
					t.Errorf("head size %d, %v: token %d: logits differ by %g", size, weights, at, x)
				}
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
