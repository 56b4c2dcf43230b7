package attention

import (
	"math"

	"longlora/kernels"
)

// Shape has the extents of q, o [Queries, Heads, HeadDim] and k, v [Keys, KVHeads, HeadDim].
type Shape struct{ Queries, Keys, Heads, KVHeads, HeadDim int }

// Sees reports whether the query at row i of a head sees the key at row j.
func Sees(s kernels.Segments, head, i, j int) bool {
	p := i + s.Offset
	for _, g := range s.Groups {
		if head < g.From || head >= g.To {
			continue
		}
		for n := range len(g.Bounds) - 1 {
			if from, to := int(g.Bounds[n]), int(g.Bounds[n+1]); from <= p && p < to {
				return from <= j && j <= p
			}
		}
	}
	return false
}

// Reference computes o, and lse [Heads, Queries].
func Reference(o, lse, q, k, v []float64, d Shape, s kernels.Segments, scale float64) {
	clear(o)
	for h := range d.Heads {
		for i := range d.Queries {
			p, sum := d.probabilities(q, k, s, scale, h, i)
			lse[h*d.Queries+i] = sum
			for j, weight := range p {
				for e := range d.HeadDim {
					o[d.query(i, h)+e] += weight * v[d.key(j, h)+e]
				}
			}
		}
	}
}

// ReferenceGrad overwrites dq, dk and dv.
func ReferenceGrad(dq, dk, dv, do, q, k, v []float64, d Shape, s kernels.Segments, scale float64) {
	clear(dq)
	clear(dk)
	clear(dv)
	for h := range d.Heads {
		for i := range d.Queries {
			p, _ := d.probabilities(q, k, s, scale, h, i)
			dp := make([]float64, d.Keys)
			var delta float64
			for j := range p {
				dp[j] = dot(do[d.query(i, h):], v[d.key(j, h):], d.HeadDim)
				delta += p[j] * dp[j]
			}
			for j := range p {
				dz := scale * p[j] * (dp[j] - delta)
				for e := range d.HeadDim {
					dq[d.query(i, h)+e] += dz * k[d.key(j, h)+e]
					dk[d.key(j, h)+e] += dz * q[d.query(i, h)+e]
					dv[d.key(j, h)+e] += p[j] * do[d.query(i, h)+e]
				}
			}
		}
	}
}

// probabilities returns the softmax over all keys, 0 where the query sees none, and the log of its
// denominator.
func (d Shape) probabilities(q, k []float64, s kernels.Segments, scale float64, h, i int) (
	p []float64, lse float64) {
	p = make([]float64, d.Keys)
	most := math.Inf(-1)
	for j := range p {
		p[j] = math.Inf(-1)
		if Sees(s, h, i, j) {
			p[j] = scale * dot(q[d.query(i, h):], k[d.key(j, h):], d.HeadDim)
		}
		most = max(most, p[j])
	}
	var sum float64
	for j, z := range p {
		p[j] = math.Exp(z - most)
		sum += p[j]
	}
	for j := range p {
		p[j] /= sum
	}
	return p, most + math.Log(sum)
}

// query returns the place of query i of head h in q and o.
func (d Shape) query(i, h int) int { return (i*d.Heads + h) * d.HeadDim }

// key returns the place, in k and v, of key j for query head h.
func (d Shape) key(j, h int) int {
	return (j*d.KVHeads + h/(d.Heads/d.KVHeads)) * d.HeadDim
}

func dot(x, y []float64, n int) float64 {
	var sum float64
	for e := range n {
		sum += x[e] * y[e]
	}
	return sum
}
