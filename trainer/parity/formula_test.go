package parity

import "hash/fnv"

// mixer gives the hashes of the indices 0, 1, …: SplitMix64 (Steele et al. 2014) seeded by FNV-1a
// of a name, as scripts/oracle/formula.py has it.
type mixer uint64

func newMixer(name string) mixer {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return mixer(h.Sum64())
}

func (m mixer) at(i int) uint64 {
	x := uint64(m) + uint64(i+1)*0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// uniform returns n multiples of 2^-23 in [-1, 1).
func uniform(name string, n int) []float32 {
	m, values := newMixer(name), make([]float32, n)
	for i := range values {
		values[i] = float32(m.at(i)>>40)*0x1p-23 - 1
	}
	return values
}

// buckets is the size of a sketch.
const buckets = 1024

// sketch returns values, or of more than buckets values their count sketch (Charikar et al. 2002):
// value i is added, with a random sign, to a random bucket. The map is linear, and the L2 norm of a
// sketch estimates that of the values with a relative error of sqrt(1/(2·buckets)), 2 %.
func sketch(name string, values []float64) []float64 {
	if len(values) <= buckets {
		return values
	}
	m, out := newMixer("sketch:"+name), make([]float64, buckets)
	for i, v := range values {
		h := m.at(i)
		if h>>63 == 1 {
			v = -v
		}
		out[h%buckets] += v
	}
	return out
}
