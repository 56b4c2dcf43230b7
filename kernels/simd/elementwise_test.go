package simd

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
)

// operation is a row function over up to five rows, some of which it writes, and the same thing in
// float64, which writes the same rows.
type operation struct {
	name  string
	rows  int
	run   func(o *Ops, x [][]float32) float32
	exact func(x []float64) (sum float64) // one element of each row
}

const a, b = 0.75, -0.3125

var operations = []operation{
	{"Dot3", 3, func(o *Ops, x [][]float32) float32 { return o.Dot3(x[0], x[1], x[2]) },
		func(x []float64) float64 { return x[0] * x[1] * x[2] }},
	{"Scale", 1, func(o *Ops, x [][]float32) float32 { o.Scale(x[0], a); return 0 },
		func(x []float64) float64 { x[0] *= a; return 0 }},
	{"Multiply", 3,
		func(o *Ops, x [][]float32) float32 { o.Multiply(x[0], x[1], x[2], a); return 0 },
		func(x []float64) float64 { x[0] = a * x[1] * x[2]; return 0 }},
	{"MultiplyAdd", 3,
		func(o *Ops, x [][]float32) float32 { o.MultiplyAdd(x[0], x[1], x[2], a); return 0 },
		func(x []float64) float64 { x[0] += a * x[1] * x[2]; return 0 }},
	{"Gate", 3, func(o *Ops, x [][]float32) float32 { o.Gate(x[0], x[1], x[2], a, b); return 0 },
		func(x []float64) float64 { x[0] = x[1] * (x[2]*a - b); return 0 }},
	{"NormGrad", 5,
		func(o *Ops, x [][]float32) float32 {
			o.NormGrad(x[0], x[1], x[2], x[3], x[4], a, b)
			return 0
		},
		func(x []float64) float64 {
			x[0], x[1] = x[0]+a*x[2]*x[4]-b*x[3], x[1]+a*x[2]*x[3]
			return 0
		}},
	{"NormGrad without weights", 4,
		func(o *Ops, x [][]float32) float32 { o.NormGrad(x[0], nil, x[1], x[2], x[3], a, b); return 0 },
		func(x []float64) float64 { x[0] += a*x[1]*x[3] - b*x[2]; return 0 }},
	{"Rotate", 4,
		func(o *Ops, x [][]float32) float32 { rotate(o, x, false); return 0 },
		func(x []float64) float64 {
			x[0], x[1] = x[0]*x[2]-x[1]*x[3], x[1]*x[2]+x[0]*x[3]
			return 0
		}},
	{"RotateBack", 4,
		func(o *Ops, x [][]float32) float32 { rotate(o, x, true); return 0 },
		func(x []float64) float64 {
			x[0], x[1] = x[0]*x[2]+x[1]*x[3], x[1]*x[2]-x[0]*x[3]
			return 0
		}},
	{"SwiGLU", 3, func(o *Ops, x [][]float32) float32 { o.SwiGLU(x[0], x[1], x[2]); return 0 },
		func(x []float64) float64 { x[0] = x[1] * x[2] / (1 + math.Exp(-x[1])); return 0 }},
	{"SwiGLUGrad", 5,
		func(o *Ops, x [][]float32) float32 {
			o.SwiGLUGrad(x[0], x[1], x[2], x[3], x[4])
			return 0
		},
		func(x []float64) float64 {
			s := 1 / (1 + math.Exp(-x[3]))
			x[0], x[1] = x[2]*x[4]*(s+x[3]*s*(1-s)), x[2]*x[3]*s
			return 0
		}},
	{"SwiGLUGrad in place", 3,
		func(o *Ops, x [][]float32) float32 {
			o.SwiGLUGrad(x[0], x[1], x[2], x[0], x[1])
			return 0
		},
		func(x []float64) float64 {
			s := 1 / (1 + math.Exp(-x[0]))
			x[0], x[1] = x[2]*x[1]*(s+x[0]*s*(1-s)), x[2]*x[0]*s
			return 0
		}},
	{"Adam", 4,
		func(o *Ops, x [][]float32) float32 {
			for i := range x[3] {
				x[3][i] *= x[3][i] // a mean of squares
			}
			o.Adam(x[0], x[1], x[2], x[3], &Adam{0.5, 0.875, 0.125, 0.9375, 0.0625, 0.25, 2, 0.125, 0.0625})
			return 0
		},
		func(x []float64) float64 {
			g := x[1] * 0.5
			x[2] = 0.875*x[2] + 0.125*g
			x[3] = 0.9375*x[3]*x[3] + 0.0625*g*g
			x[0] -= 0.25*x[2]/(2*math.Sqrt(x[3])+0.125) + 0.0625*x[0]
			return 0
		}},
}

// rotate turns the pairs of x[0] and x[1], which lie in different rows, as one of two heads.
func rotate(o *Ops, x [][]float32, back bool) {
	n := len(x[0])
	heads := make([]float32, 4*n+3)
	copy(heads[2*n+3:], x[0])
	copy(heads[3*n+3:], x[1])
	o.Rotate(heads, 2, 2*n+3, x[2], x[3], back)
	copy(x[0], heads[2*n+3:])
	copy(x[1], heads[3*n+3:])
}

// TestOperations runs each on rows of every length between pages that fault.
func TestOperations(t *testing.T) {
	eachTier(t, func(t *testing.T, o *Ops) {
		for _, op := range operations {
			t.Run(op.name, func(t *testing.T) {
				rng := rand.New(rand.NewSource(1))
				for n := range 70 {
					if err := op.try(t, o, rng, n); err != nil {
						t.Fatalf("n=%d: %v", n, err)
					}
				}
			})
		}
	})
}

func (op operation) try(t *testing.T, o *Ops, rng *rand.Rand, n int) error {
	rows := make([][]float32, op.rows)
	want := make([][]float64, n)
	for r := range rows {
		rows[r] = fenced(t, rng, n)
		for i, x := range rows[r] {
			want[i] = append(want[i], float64(x))
		}
	}
	sum := op.run(o, rows)
	var wantSum float64
	for i := range want {
		wantSum += op.exact(want[i])
		for r, w := range want[i] {
			// Normal variables, a few products of them and exp: terms up to about 30, a handful of
			// roundings each.
			if diff := math.Abs(float64(rows[r][i]) - w); !(diff <= 30*8*0x1p-24) {
				return fmt.Errorf("row %d element %d is %g, want %g", r, i, rows[r][i], w)
			}
		}
	}
	if math.Abs(float64(sum)-wantSum) > float64(n*n+1)*30*0x1p-24 {
		return fmt.Errorf("sum is %g, want %g", sum, wantSum)
	}
	return nil
}
