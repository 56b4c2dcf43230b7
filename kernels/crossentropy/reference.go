package crossentropy

import "math"

// Reference computes the losses [T] of h [T, d] under the head w [V, d], and, unless dh is nil, the
// gradients of scale·Σ weights·losses: dh [T, d] is overwritten, dw (nil: not wanted) added to.
func Reference[F float32 | float64](losses, dh, dw, h, w []F, targets []int32, weights []F,
	scale F, d int) {
	clear(losses)
	clear(dh)
	p := make([]F, len(w)/d)
	for t, target := range targets {
		if target < 0 {
			continue
		}
		row := h[t*d : (t+1)*d]
		losses[t] = softmax(p, row, w, int(target))
		if dh == nil {
			continue
		}
		p[target]--
		for v, q := range p {
			dz := scale * weights[t] * q
			for j := range d {
				dh[t*d+j] += dz * w[v*d+j]
				if dw != nil {
					dw[v*d+j] += dz * row[j]
				}
			}
		}
	}
}

// softmax fills p [V] with the probabilities after h [D] and returns -log p[target].
func softmax[F float32 | float64](p, h, w []F, target int) F {
	most := F(math.Inf(-1))
	for v := range p {
		p[v] = 0
		for j, x := range h {
			p[v] += x * w[v*len(h)+j]
		}
		most = max(most, p[v])
	}
	aim := p[target]
	var sum F
	for v, z := range p {
		p[v] = F(math.Exp(float64(z - most)))
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
	p := make([]F, vocabulary)
	one := make([]F, vocabulary*vocabulary)
	for v := range vocabulary {
		one[v*vocabulary+v] = 1
	}
	for t, target := range targets {
		row := z[t*vocabulary : (t+1)*vocabulary]
		losses[t] = 0
		if target >= 0 {
			losses[t] = softmax(p, row, one, int(target))
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
