package layernorm

import "math"

// Reference computes y = (x-mean)·rstd·w + b. x and y are [T, D] row-major, mean and rstd [T], w and
// b [D].
func Reference[F float32 | float64](y, mean, rstd, x, w, b []F, eps F) {
	d := len(w)
	for t := range rstd {
		row := x[t*d : (t+1)*d]
		var sum, square F
		for _, v := range row {
			sum += v
		}
		mean[t] = sum / F(d)
		for _, v := range row {
			square += (v - mean[t]) * (v - mean[t])
		}
		rstd[t] = 1 / F(math.Sqrt(float64(square/F(d)+eps)))
		for j, v := range row {
			y[t*d+j] = (v-mean[t])*rstd[t]*w[j] + b[j]
		}
	}
}

// ReferenceGrad computes dx +=, and dw += and db += (nil: not wanted).
func ReferenceGrad[F float32 | float64](dx, dw, db, dy, x, w, mean, rstd []F) {
	d := len(w)
	for t, r := range rstd {
		var sum, along F
		for j, weight := range w {
			g := dy[t*d+j] * weight
			sum += g
			along += g * (x[t*d+j] - mean[t])
		}
		for j, weight := range w {
			i := t*d + j
			c := x[i] - mean[t]
			dx[i] += r*(dy[i]*weight-sum/F(d)) - c*r*r*r*along/F(d)
			if dw != nil {
				dw[j] += dy[i] * c * r
				db[j] += dy[i]
			}
		}
	}
}
