package rmsnorm

import "math"

// Reference computes y = x·rstd·w with rstd = 1/sqrt(mean(x²)+eps). x and y are [T, D] row-major,
// rstd [T], w [D].
func Reference[F float32 | float64](y, rstd, x, w []F, eps F) {
	d := len(w)
	for t := range rstd {
		row := x[t*d : (t+1)*d]
		var sum F
		for _, v := range row {
			sum += v * v
		}
		rstd[t] = 1 / F(math.Sqrt(float64(sum/F(d)+eps)))
		for j, v := range row {
			y[t*d+j] = v * rstd[t] * w[j]
		}
	}
}

// ReferenceGrad computes dx += and dw += (nil: not wanted).
func ReferenceGrad[F float32 | float64](dx, dw, dy, x, w, rstd []F) {
	d := len(w)
	for t, r := range rstd {
		var along F
		for j, weight := range w {
			along += dy[t*d+j] * weight * x[t*d+j]
		}
		for j, weight := range w {
			i := t*d + j
			dx[i] += r*dy[i]*weight - x[i]*r*r*r*along/F(d)
			if dw != nil {
				dw[j] += dy[i] * x[i] * r
			}
		}
	}
}
