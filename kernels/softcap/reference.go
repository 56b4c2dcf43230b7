package softcap

import "math"

// Reference computes y = cap·tanh(y/cap).
func Reference[F float32 | float64](y []F, limit F) {
	for i, v := range y {
		y[i] = Of(v, limit)
	}
}

// Of returns limit·tanh(x/limit).
func Of[F float32 | float64](x, limit F) F { return limit * F(math.Tanh(float64(x/limit))) }

// Slope returns the derivative of Of where it is y.
func Slope[F float32 | float64](y, limit F) F { return 1 - y/limit*(y/limit) }
