package rmsnorm

import "math"

// Reference computes y = x·rstd·w with rstd = 1/sqrt(mean(x²)+eps). x and y are [T, D] row-major,
// rstd [T], w [D].
func Reference(y, rstd, x, w []float64, eps float64) {
	d := len(w)
	for t := range rstd {
		row := x[t*d : (t+1)*d]
		var sum float64
		for _, v := range row {
			sum += v * v
		}
		rstd[t] = 1 / math.Sqrt(sum/float64(d)+eps)
		for j, v := range row {
			y[t*d+j] = v * rstd[t] * w[j]
		}
	}
}

// ReferenceGrad computes dx += and dw += (nil: not wanted).
func ReferenceGrad(dx, dw, dy, x, w, rstd []float64) {
	d := len(w)
	for t, r := range rstd {
		var along float64
		for j, weight := range w {
			along += dy[t*d+j] * weight * x[t*d+j]
		}
		for j, weight := range w {
			i := t*d + j
			dx[i] += r*dy[i]*weight - x[i]*r*r*r*along/float64(d)
			if dw != nil {
				dw[j] += dy[i] * x[i] * r
			}
		}
	}
}
