package attention

import (
	"math"

	"longlora/kernels"
	"longlora/kernels/softcap"
)

// Shape has the extents of q, o [Queries, Heads, HeadDim] and k, v [Keys, KVHeads, HeadDim].
type Shape struct{ Queries, Keys, Heads, KVHeads, HeadDim int }

// Sees reports whether the query at row i of a head sees the key at row j.
func Sees(s kernels.Segments, head, i, j int) bool {
	first, last := seen(s, head, i)
	return first <= j && j <= last
}

// seen returns the first and the last key that the query at row i of a head sees.
func seen(s kernels.Segments, head, i int) (first, last int) {
	p := i + s.Offset
	for _, g := range s.Groups {
		if head < g.From || head >= g.To {
			continue
		}
		for n := range len(g.Bounds) - 1 {
			if from, to := int(g.Bounds[n]), int(g.Bounds[n+1]); from <= p && p < to {
				return s.First(from, p), p
			}
		}
	}
	return 0, -1
}

// Reference computes o, and lse [Heads, Queries].
func Reference[F float32 | float64](o, lse, q, k, v []F, d Shape, s kernels.Segments, scale F) {
	clear(o)
	for h := range d.Heads {
		for i := range d.Queries {
			first, p, _, sum := probabilities(d, q, k, s, scale, h, i)
			lse[h*d.Queries+i] = sum
			for n, weight := range p {
				for e := range d.HeadDim {
					o[d.query(i, h)+e] += weight * v[d.key(first+n, h)+e]
				}
			}
		}
	}
}

// ReferenceGrad overwrites dq, dk and dv.
func ReferenceGrad[F float32 | float64](dq, dk, dv, do, q, k, v []F, d Shape,
	s kernels.Segments, scale F) {
	clear(dq)
	clear(dk)
	clear(dv)
	for h := range d.Heads {
		for i := range d.Queries {
			first, p, z, _ := probabilities(d, q, k, s, scale, h, i)
			dp := make([]F, len(p))
			var delta F
			for n := range p {
				dp[n] = dot(do[d.query(i, h):], v[d.key(first+n, h):], d.HeadDim)
				delta += p[n] * dp[n]
			}
			for n := range p {
				j, dz := first+n, scale*p[n]*(dp[n]-delta)
				if s.Cap > 0 {
					dz *= softcap.Slope(z[n], F(s.Cap))
				}
				for e := range d.HeadDim {
					dq[d.query(i, h)+e] += dz * k[d.key(j, h)+e]
					dk[d.key(j, h)+e] += dz * q[d.query(i, h)+e]
					dv[d.key(j, h)+e] += p[n] * do[d.query(i, h)+e]
				}
			}
		}
	}
}

// probabilities returns the first key that the query sees, the softmax over it and the others that
// it sees, their scores, and the log of the softmax's denominator.
func probabilities[F float32 | float64](d Shape, q, k []F, s kernels.Segments, scale F, h, i int) (
	first int, p, z []F, lse F) {
	first, last := seen(s, h, i)
	most := F(math.Inf(-1))
	for j := first; j <= last; j++ {
		x := scale * dot(q[d.query(i, h):], k[d.key(j, h):], d.HeadDim)
		if s.Cap > 0 {
			x = softcap.Of(x, F(s.Cap))
		}
		z, most = append(z, x), max(most, x)
	}
	var sum F
	for _, x := range z {
		p = append(p, F(math.Exp(float64(x-most))))
		sum += p[len(p)-1]
	}
	for n := range p {
		p[n] /= sum
	}
	return first, p, z, most + F(math.Log(float64(sum)))
}

// query returns the place of query i of head h in q and o.
func (d Shape) query(i, h int) int { return (i*d.Heads + h) * d.HeadDim }

// key returns the place, in k and v, of key j for query head h.
func (d Shape) key(j, h int) int {
	return (j*d.KVHeads + h/(d.Heads/d.KVHeads)) * d.HeadDim
}

func dot[F float32 | float64](x, y []F, n int) F {
	var sum F
	for e := range n {
		sum += x[e] * y[e]
	}
	return sum
}
