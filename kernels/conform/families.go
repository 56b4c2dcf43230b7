package conform

import (
	"math"

	"longlora/kernels"
)

func layerNorms(s *side) {
	x, dy := s.gapped(s.rows, s.width), s.normal(s.rows, s.width)
	y, mean, rstd := s.gapped(s.rows, s.width), s.normal(s.rows), s.normal(s.rows)
	dx, dw, db := s.gapped(s.rows, s.width), s.normal(s.width), s.normal(s.width)
	w, b := s.normal(s.width), s.normal(s.width)
	s.b.LayerNorm(y, mean, rstd, x, w, b, 0.1)
	s.keep("y", y)
	s.keep("mean", mean)
	s.keep("rstd", rstd)
	s.b.LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd)
	// Of one channel, or of two, the terms of size rstd cancel.
	s.keepDifference("dx", dx, 1/math.Sqrt(0.1))
	s.keep("dw", dw)
	s.keep("db", db)
	none := kernels.Tensor{}
	s.b.LayerNormGrad(dx, none, none, dy, x, w, mean, rstd)
	s.keepDifference("dx again", dx, 2/math.Sqrt(0.1))
}

func biases(s *side) {
	y, b := s.gapped(s.rows, s.width), s.normal(s.width)
	s.b.AddBias(y, b)
	s.keep("y", y)
	s.b.BiasGrad(b, y)
	s.keep("db", b)
}

func gelus(s *side) {
	s.gelu("erf: ", kernels.GELUErf)
	s.gelu("tanh: ", kernels.GELUTanh)
}

func (s *side) gelu(name string, form kernels.GELU) {
	x, up := s.gapped(s.rows, s.width), s.normal(s.rows, s.width)
	y, dy, none := s.normal(s.rows, s.width), s.gapped(s.rows, s.width), kernels.Tensor{}
	s.b.Scale(x, 3) // both tails
	s.b.GELU(y, x, none, form)
	s.keep(name+"y alone", y)
	s.b.GELUGrad(y, none, dy, x, none, form)
	s.keep(name+"dx alone", y)
	s.b.GELU(y, x, up, form)
	s.keep(name+"y", y)
	s.b.GELUGrad(x, up, dy, x, up, form)
	s.keep(name+"dx", x)
	s.keep(name+"dup", up)
}

func caps(s *side) {
	y := s.gapped(s.rows, s.width)
	s.b.Scale(y, 2)
	s.b.SoftCap(y, 1.5)
	s.keep("y", y)
}

// windows are shorter than the row, with and without bounds of the scores.
func windows(s *side) {
	whole := []int32{0, int32(s.rows)}
	cut := whole
	if s.rows > 3 {
		cut = []int32{0, 2, int32(s.rows)}
	}
	groups := []kernels.HeadGroup{{From: 0, To: 1, Bounds: whole}, {From: 1, To: 4, Bounds: cut}}
	window := 1 + s.rows/3
	s.attend("window: ", 4, 2, kernels.Segments{Groups: groups, Window: window})
	s.attend("bounded: ", 4, 2, kernels.Segments{Groups: groups, Window: window, Cap: 1.5})
}

func boundedLosses(s *side) { s.losses(3) }
