package crossentropy

import (
	"math"

	"longlora/kernels/softcap"
)

// Reference computes the losses [T] of h [T, d] under the head w [V, d], and, unless dh is nil, the
// gradients of scale·Σ weights·losses: dh [T, d] is overwritten, dw (nil: not wanted) added to.
// limit bounds the logits softly; 0: nothing does.
func Reference[F float32 | float64](losses, dh, dw, h, w []F, targets []int32, weights []F,
	scale, limit F, d int) {
	clear(losses)
	clear(dh)
	p, z := make([]F, len(w)/d), make([]F, len(w)/d)
	for t, target := range targets {
		if target < 0 {
			continue
		}
		row := h[t*d : (t+1)*d]
		losses[t] = softmax(p, z, row, w, int(target), limit)
		if dh == nil {
			continue
		}
		p[target]--
		for v, q := range p {
			dz := scale * weights[t] * q
			if limit > 0 {
				dz *= softcap.Slope(z[v], limit)
			}
			for j := range d {
				dh[t*d+j] += dz * w[v*d+j]
				if dw != nil {
					dw[v*d+j] += dz * row[j]
				}
			}
		}
	}
}

// softmax fills p [V] with the probabilities after h [D], z with the logits, and returns
// -log p[target].
func softmax[F float32 | float64](p, z, h, w []F, target int, limit F) F {
	most := F(math.Inf(-1))
	for v := range z {
		z[v] = 0
		for j, x := range h {
			z[v] += x * w[v*len(h)+j]
		}
		if limit > 0 {
			z[v] = softcap.Of(z[v], limit)
		}
		most = max(most, z[v])
	}
	aim := z[target]
	var sum F
	for v, x := range z {
		p[v] = F(math.Exp(float64(x - most)))
		sum += p[v]
	}
	for v := range p {
		p[v] /= sum
	}
	return most + F(math.Log(float64(sum))) - aim
}

// ReferenceLogits computes the losses [T] of logits z [T, V] and, unless weights is nil, overwrites z
// with the gradient of scale·Σ weights·losses.
func ReferenceLogits[F float32 | float64](losses, z, weights []F, targets []int32, scale F) {
	vocabulary := len(z) / max(len(losses), 1)
	p, scratch := make([]F, vocabulary), make([]F, vocabulary)
	one := make([]F, vocabulary*vocabulary)
	for v := range vocabulary {
		one[v*vocabulary+v] = 1
	}
	for t, target := range targets {
		row := z[t*vocabulary : (t+1)*vocabulary]
		losses[t] = 0
		if target >= 0 {
			losses[t] = softmax(p, scratch, row, one, int(target), 0)
		}
		if weights == nil {
			continue
		}
		for v := range row {
			row[v] = 0
			if target >= 0 {
				row[v] = scale * weights[t] * p[v]
			}
		}
		if target >= 0 {
			row[target] -= scale * weights[t]
		}
	}
}
