package cpu_test

import "longlora/kernels"

func layernorm(x *trial) {
	vector := func() kernels.Tensor { return x.fill(x.tensor(kernels.F32, 0, x.width), 1) }
	in, w, b := x.normal(1, x.rows, x.width), vector(), vector()
	y := x.empty(x.rows, x.width)
	mean, rstd := x.tensor(kernels.F32, 0, x.rows), x.tensor(kernels.F32, 0, x.rows)
	x.b.LayerNorm(y, mean, rstd, in, w, b, 0.01)
	// Differences from the mean err by its rounding; rstd is at most 10.
	tolerance := 2 * float64(x.width+8) * ulp
	x.keep("y", y, 2*tolerance, 20)
	x.keep("mean", mean, tolerance, 1)
	x.keep("rstd", rstd, 2*tolerance, 100)
	dx, dw, db := x.normal(1, x.rows, x.width), vector(), vector()
	x.b.LayerNormGrad(dx, dw, db, x.normal(1, x.rows, x.width), in, w, mean, rstd)
	x.keep("dx", dx, 8*tolerance, 1000)
	x.keep("dw", dw, 2*tolerance+2*float64(x.rows+8)*ulp, 100*float64(x.rows))
	x.keep("db", db, 2*float64(x.rows+2)*ulp, float64(x.rows))
	none := kernels.Tensor{}
	x.b.LayerNormGrad(dx, none, none, x.normal(1, x.rows, x.width), in, w, mean, rstd)
	x.keep("dx again", dx, 16*tolerance, 1000)
}

func bias(x *trial) {
	y, b := x.normal(1, x.rows, x.width), x.fill(x.tensor(kernels.F32, 0, x.width), 1)
	x.b.AddBias(y, b)
	x.keep("y", y, 0, 0)
	x.b.BiasGrad(b, y)
	x.keep("db", b, 2*float64(x.rows+1)*ulp, float64(x.rows))
}

func gelu(x *trial) {
	form := kernels.GELU(x.rng.Intn(2))
	in, up := x.normal(4, x.rows, x.width), x.normal(1, x.rows, x.width) // both tails
	dy, y, none := x.normal(1, x.rows, x.width), x.empty(x.rows, x.width), kernels.Tensor{}
	x.b.GELU(y, in, up, form)
	x.keep("y", y, 16*ulp, 64)
	x.b.GELU(y, in, none, form)
	x.keep("y alone", y, 16*ulp, 16)
	dx, dup := x.empty(x.rows, x.width), x.empty(x.rows, x.width)
	x.b.GELUGrad(dx, dup, dy, in, up, form)
	x.keep("dx", dx, 64*ulp, 64)
	x.keep("dup", dup, 16*ulp, 64)
	x.b.GELUGrad(dx, none, dy, in, none, form)
	x.keep("dx alone", dx, 64*ulp, 16)
	x.b.GELUGrad(in, up, dy, in, up, form)
	x.keep("dx in place", in, 64*ulp, 64)
	x.keep("dup in place", up, 16*ulp, 64)
}

func softcap(x *trial) {
	y := x.normal(40, x.rows, x.width)
	x.b.SoftCap(y, 30)
	x.keep("y", y, 16*ulp, 30)
}

// window is attention in a window, perhaps with bounded scores.
func window(x *trial) {
	s := kernels.Segments{Window: 1 + x.rng.Intn(2*x.rows), Cap: 20 * float32(x.rng.Intn(2))}
	attentionOf(x, x.rows, x.rng.Intn(2)*x.rng.Intn(40), s)
}

func boundedLoss(x *trial) { lossOf(x, 2) }
