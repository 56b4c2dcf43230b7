package crossentropy

import "math"

// Reference computes the losses [T] of h [T, d] under the head w [V, d], and, unless dh is nil, the
// gradients of scale·Σ weights·losses: dh [T, d] is overwritten, dw (nil: not wanted) added to.
func Reference(losses, dh, dw, h, w []float64, targets []int32, weights []float64, scale float64,
	d int) {
	clear(losses)
	clear(dh)
	p := make([]float64, len(w)/d)
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
func softmax(p, h, w []float64, target int) float64 {
	most := math.Inf(-1)
	for v := range p {
		p[v] = 0
		for j, x := range h {
			p[v] += x * w[v*len(h)+j]
		}
		most = max(most, p[v])
	}
	aim := p[target]
	var sum float64
	for v, z := range p {
		p[v] = math.Exp(z - most)
		sum += p[v]
	}
	for v := range p {
		p[v] /= sum
	}
	return most + math.Log(sum) - aim
}
