package generate

import (
	"math"
	"slices"
)

// Ranked is a token with the logarithm of its probability.
type Ranked struct {
	ID      int32
	Logprob float64
}

// Rank returns the logarithm of a token's probability by softmax(logits), and the n most probable
// tokens, the lower id of equals first.
func Rank(logits []float32, id int32, n int) (chosen float64, top []Ranked) {
	greatest := math.Inf(-1)
	for _, v := range logits {
		greatest = max(greatest, float64(v))
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - greatest)
	}
	norm := greatest + math.Log(sum)
	for i, v := range logits {
		if n == 0 || len(top) == n && float64(v) <= top[n-1].Logprob {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, float64(v), func(r Ranked, v float64) int {
			if r.Logprob >= v {
				return -1
			}
			return 1
		})
		top = slices.Insert(top[:min(len(top), n-1)], min(at, n-1), Ranked{int32(i), float64(v)})
	}
	for i := range top {
		top[i].Logprob -= norm
	}
	return float64(logits[id]) - norm, top
}
