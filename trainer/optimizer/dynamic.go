package optimizer

import (
	"math"
	"slices"
)

// Block is the number of neighbours that share a greatest magnitude.
const Block = 256

// code is a set of 256 values in order, the greatest of which is 1, with the bounds between them.
type code struct {
	values [256]float32
	middle [255]float32 // below middle[i] the nearest value is one up to i
}

// newCode returns the dynamic values, as bitsandbytes' create_dynamic_map has them: for each power of
// ten from 1e-6 to 1 the middles of ever more equal parts of [0.1, 1], with their negatives if signed;
// and 0 and 1.
func newCode(signed bool) *code {
	all := []float64{0, 1}
	for i := range 7 {
		parts := 1 << i
		if !signed {
			parts *= 2
		}
		scale := math.Pow10(i - 6)
		for k := range parts {
			// Bounds and their mean are float32 there.
			low, high := bound(k, parts), bound(k+1, parts)
			v := scale * float64((low+high)/2)
			all = append(all, v)
			if signed {
				all = append(all, -v)
			}
		}
	}
	slices.Sort(all)
	var c code
	for i := range c.values {
		c.values[i] = float32(all[i])
	}
	for i := range c.middle {
		c.middle[i] = (c.values[i] + c.values[i+1]) / 2
	}
	return &c
}

// bound is the k-th of the bounds between parts equal parts of [0.1, 1].
func bound(k, parts int) float32 {
	return float32(0.1 + 0.9*float64(k)/float64(parts))
}

// nearest returns the index of the value nearest to x, the lower of two that are as near.
func (c *code) nearest(x float32) uint8 {
	low, high := 0, len(c.middle) // the first bound that is not below x
	for low < high {
		m := (low + high) / 2
		if c.middle[m] < x {
			low = m + 1
		} else {
			high = m
		}
	}
	return uint8(low)
}

// encode rounds a block. A block of zeros has the greatest magnitude 0.
//
// A positive value does not become zero in a set that has no negative ones: a second moment of zero
// beside a first one that is not would make a step as large as the one divided by AdamW's epsilon. This
// is the only difference to bitsandbytes, which advises against eight bits for embeddings instead.
func (c *code) encode(codes []uint8, x []float32) (greatest float32) {
	for _, v := range x {
		greatest = max(greatest, v, -v)
	}
	if greatest == 0 {
		zero := c.nearest(0)
		for i := range x {
			codes[i] = zero
		}
		return 0
	}
	for i, v := range x {
		codes[i] = c.nearest(v / greatest)
		if c.values[0] == 0 && v > 0 {
			codes[i] = max(codes[i], 1)
		}
	}
	return greatest
}

func (c *code) decode(x []float32, codes []uint8, greatest float32) {
	for i, n := range codes {
		x[i] = c.values[n] * greatest
	}
}
