package linear

import (
	"math"

	"longlora/kernels"
	"longlora/kernels/buffer"
	"longlora/kernels/gemm"
	"longlora/kernels/machine"
)

// doraRows is the number of rows whose products exist at a time.
const doraRows = 512

// dora is a call of DoRACPU or DoRACPUGrad, with the memory that the next one uses again.
type dora struct {
	*machine.Machine
	l     kernels.Linear
	a, b  machine.Matrix
	w     kernels.Weight
	gain  []float32
	norm  []float32
	words []float32 // scratch
}

// begin reads the operands and cuts n floats of scratch.
func begin(m *machine.Machine, l kernels.Linear, n int) *dora {
	d := machine.Kept[dora](m)
	d.Machine, d.l, d.a, d.b, d.w = m, l, machine.View(l.A), machine.View(l.B), l.W
	out := l.W.Out()
	machine.Want("Linear", "Magnitude", l.Magnitude, out)
	machine.Want("Linear", "Norm", l.Norm, out)
	machine.Want("Linear", "A", l.A, d.a.N, l.W.In())
	machine.Want("Linear", "B", l.B, out, d.a.N)
	d.norm = machine.F32(l.Norm)
	d.words = buffer.Grow(d.words, n+out)
	d.gain = d.words[n : n+out]
	for o, x := range machine.F32(l.Magnitude) {
		d.gain[o] = x / d.norm[o]
	}
	return d
}

// end forgets what is the caller's.
func (d *dora) end() { *d = dora{words: d.words} }

// rowsOf returns rows of d floats at the beginning of words, and the rest.
func rowsOf(words []float32, n, d int) (machine.Matrix, []float32) {
	return machine.Matrix{Data: words[:n*d], N: n, D: d, Stride: d}, words[n*d:]
}

// DoRACPU is CPU for an adapter of DoRA.
func DoRACPU(m *machine.Machine, y, x kernels.Tensor, l kernels.Linear, u kernels.Tensor,
	accumulate bool) {
	out, in := machine.View(y), machine.View(x)
	machine.Want("Linear", "x", x, out.N, l.W.In())
	machine.Want("Linear", "y", y, in.N, l.W.Out())
	n := min(doraRows, in.N)
	d := begin(m, l, n*(out.D+in.D))
	defer d.end()
	machine.Want("Linear", "u", u, in.N, d.a.N)
	low := machine.View(u)
	if l.Dropout > 0 {
		m.Gemm.Multiply(out.C(), in.A(), machine.Weights(l.W, true), in.N, out.D, in.D, accumulate)
	}
	for from := 0; from < in.N; from += n {
		to := min(from+n, in.N)
		z, rest := rowsOf(d.words, to-from, out.D)
		d.difference(out.Rows(from, to), z, d.kept(in, rest, from, to), low.Rows(from, to), accumulate)
	}
}

// kept returns rows [from, to) of x', in rest if there is dropout.
func (d *dora) kept(x machine.Matrix, rest []float32, from, to int) machine.Matrix {
	part := x.Rows(from, to)
	if d.l.Dropout == 0 {
		return part
	}
	masked, _ := rowsOf(rest, to-from, x.D)
	machine.Rows(d.Machine, part.N, 8*x.D, dropping{masked, part, d.Ops, d.l, from}, (*dropping).rows)
	return masked
}

// difference computes rows of y and u; with dropout it adds to x Wᵀ in y.
func (d *dora) difference(y, z, kept, u machine.Matrix, accumulate bool) {
	d.Gemm.Multiply(z.C(), kept.A(), machine.Weights(d.w, true), z.N, z.D, kept.D, false)
	d.Gemm.Multiply(u.C(), kept.A(), d.a.BT(1), u.N, u.D, kept.D, false)
	if d.l.Dropout > 0 {
		s := scaling{y, z, d.gain, -1, true}
		machine.Rows(d.Machine, y.N, 4*y.D, s, (*scaling).rows)
		d.Gemm.Multiply(z.C(), u.A(), d.b.BT(d.l.Scale), z.N, z.D, u.D, false)
		s.add = 0
		machine.Rows(d.Machine, y.N, 4*y.D, s, (*scaling).rows)
		return
	}
	d.Gemm.Multiply(z.C(), u.A(), d.b.BT(d.l.Scale), z.N, z.D, u.D, true)
	machine.Rows(d.Machine, y.N, 4*y.D, scaling{y, z, d.gain, 0, accumulate}, (*scaling).rows)
}

// scaling computes y = (gain+add)⊙z, or adds it to y.
type scaling struct {
	y, z       machine.Matrix
	gain       []float32
	add        float32
	accumulate bool
}

func (s *scaling) rows(_, i, end int) {
	for ; i < end; i++ {
		y, z := s.y.Row(i), s.z.Row(i)
		for o, g := range s.gain {
			v := (g + s.add) * z[o]
			if s.accumulate {
				v += y[o]
			}
			y[o] = v
		}
	}
}

// DoRACPUGrad is CPUGrad for an adapter of DoRA.
func DoRACPUGrad(m *machine.Machine, dx kernels.Tensor, g kernels.LinearGrad, dy, x kernels.Tensor,
	l kernels.Linear, u kernels.Tensor) {
	up, in := machine.View(dy), machine.View(x)
	machine.Want("LinearGrad", "dy", dy, in.N, l.W.Out())
	machine.Want("LinearGrad", "x", x, in.N, l.W.In())
	if !g.DW.IsZero() {
		panic("LinearGrad: dW of a layer with DoRA")
	}
	n := min(doraRows, in.N)
	d := begin(m, l, n*(up.D+2*in.D+machine.View(l.A).N)+up.D)
	defer d.end()
	machine.Want("LinearGrad", "u", u, in.N, d.a.N)
	low, to := machine.View(u), machine.Matrix{}
	if !dx.IsZero() {
		machine.Want("LinearGrad", "dx", dx, in.N, in.D)
		to = machine.View(dx)
	}
	if to.N > 0 && l.Dropout > 0 {
		m.Gemm.Multiply(to.C(), up.A(), machine.Weights(l.W, false), in.N, in.D, up.D, true)
	}
	for from := 0; from < in.N; from += n {
		end := min(from+n, in.N)
		c := doraChunk{dora: d, dy: up.Rows(from, end), u: low.Rows(from, end), from: from}
		z, rest := rowsOf(d.words, end-from, up.D)
		c.z = z
		c.kept = d.kept(in, rest, from, end)
		c.rest = rest[n*in.D:]
		c.magnitude(g.DMagnitude)
		c.derive(g)
		if to.N > 0 {
			c.input(to.Rows(from, end))
		}
	}
}

// doraChunk is what some rows give to the gradients.
type doraChunk struct {
	*dora
	dy, u, kept machine.Matrix
	z           machine.Matrix // x' Wᵀ + s·u Bᵀ, then dz
	v           machine.Matrix
	rest        []float32
	from        int
}

// magnitude adds to dm.
func (c *doraChunk) magnitude(dm kernels.Tensor) {
	if dm.IsZero() {
		return
	}
	machine.Want("LinearGrad", "dMagnitude", dm, c.z.D)
	c.Gemm.Multiply(c.z.C(), c.kept.A(), machine.Weights(c.w, true), c.z.N, c.z.D, c.kept.D, false)
	c.Gemm.Multiply(c.z.C(), c.u.A(), c.b.BT(c.l.Scale), c.z.N, c.z.D, c.u.D, true)
	s := summing{dm: machine.F32(dm), norm: c.norm, dy: c.dy, z: c.z}
	machine.Rows(c.Machine, c.z.D, 2*c.z.N, s, (*summing).columns)
}

// summing adds Σ_t dy⊙z / norm to dm, in order of t.
type summing struct {
	dm, norm []float32
	dy, z    machine.Matrix
}

func (s *summing) columns(_, from, to int) {
	const lanes = 64
	var sums [lanes]float32
	for ; from < to; from += lanes {
		n := min(lanes, to-from)
		clear(sums[:n])
		for t := range s.z.N {
			dy, z := s.dy.Row(t)[from:from+n], s.z.Row(t)[from:from+n]
			for o := range sums[:n] {
				sums[o] += dy[o] * z[o]
			}
		}
		for o, sum := range sums[:n] {
			s.dm[from+o] += sum / s.norm[from+o]
		}
	}
}

// derive leaves dz in z and v, and adds to dA and dB.
func (c *doraChunk) derive(g kernels.LinearGrad) {
	machine.Rows(c.Machine, c.z.N, 4*c.z.D, scaling{c.z, c.dy, c.gain, 0, false}, (*scaling).rows)
	rank := c.a.N
	if !g.DB.IsZero() {
		machine.Want("LinearGrad", "dB", g.DB, c.z.D, rank)
		c.Gemm.Multiply(machine.View(g.DB).C(), c.z.T(), c.u.B(c.l.Scale), c.z.D, rank, c.z.N, true)
	}
	c.v, c.rest = rowsOf(c.rest, c.z.N, rank)
	c.Gemm.Multiply(c.v.C(), c.z.A(), c.b.B(c.l.Scale), c.z.N, rank, c.z.D, false)
	if !g.DA.IsZero() {
		machine.Want("LinearGrad", "dA", g.DA, rank, c.kept.D)
		c.Gemm.Multiply(machine.View(g.DA).C(), c.v.T(), c.kept.B(1), rank, c.kept.D, c.z.N, true)
	}
}

// input adds to rows of dx.
func (c *doraChunk) input(dx machine.Matrix) {
	w := machine.Weights(c.w, false)
	if c.l.Dropout == 0 {
		c.Gemm.Multiply(dx.C(), c.z.A(), w, dx.N, dx.D, c.z.D, true)
		c.Gemm.Multiply(dx.C(), c.v.A(), c.a.B(1), dx.N, dx.D, c.a.N, true)
		return
	}
	machine.Rows(c.Machine, c.z.N, 4*c.z.D, scaling{c.z, c.dy, c.gain, -1, false}, (*scaling).rows)
	part := c.kept // x' is not needed any more
	c.Gemm.Multiply(part.C(), c.z.A(), w, dx.N, dx.D, c.z.D, false)
	c.Gemm.Multiply(part.C(), c.v.A(), c.a.B(1), dx.N, dx.D, c.a.N, true)
	addMasked(c.Machine, dx, part, c.l, c.from)
}

// NormsCPU computes norms[o] = ‖W_o + s·B_o A‖; without an adapter, those of W's rows.
func NormsCPU(m *machine.Machine, norms kernels.Tensor, l kernels.Linear) {
	machine.Want("AdapterNorms", "norms", norms, l.W.Out())
	s := norming{Machine: m, norms: machine.F32(norms), scale: l.Scale, in: l.W.In(),
		w: machine.Weights(l.W, false)}
	if !l.A.IsZero() {
		s.a, s.b = machine.View(l.A), machine.View(l.B)
		machine.Want("AdapterNorms", "A", l.A, s.a.N, s.in)
		machine.Want("AdapterNorms", "B", l.B, l.W.Out(), s.a.N)
	}
	machine.Rows(m, l.W.Out(), (2+s.a.N)*s.in, s, (*norming).rows)
}

// norming is one call of NormsCPU.
type norming struct {
	*machine.Machine
	norms []float32
	w     gemm.B
	a, b  machine.Matrix
	scale float32
	in    int
}

func (s *norming) rows(worker, i, end int) {
	for ; i < end; i++ {
		words := s.Own(worker, 2*s.in)
		row := words[s.in:]
		copy(row, s.w.From(i, 0).RowFloats(s.in, words))
		for r := range s.a.N {
			s.Ops.Axpy(row, s.scale*s.b.Row(i)[r], s.a.Row(r))
		}
		var sum float64
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		s.norms[i] = float32(math.Sqrt(sum))
	}
}
