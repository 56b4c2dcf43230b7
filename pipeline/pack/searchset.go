package pack

import "math/bits"

// searchSet is a set of small numbers that finds the next greater one in time logarithmic, to base
// 64, in its range. Level 0 has a bit for each number, each further level one for each word below.
type searchSet struct{ levels [][]uint64 }

// newSearchSet returns an empty set over [0, n).
func newSearchSet(n int) *searchSet {
	s := &searchSet{}
	for {
		n = (n + 63) / 64
		s.levels = append(s.levels, make([]uint64, n))
		if n <= 1 {
			return s
		}
	}
}

func (s *searchSet) insert(x int) {
	for _, l := range s.levels {
		l[x/64] |= 1 << (x % 64)
		x /= 64
	}
}

func (s *searchSet) remove(x int) {
	for _, l := range s.levels {
		if l[x/64] &^= 1 << (x % 64); l[x/64] != 0 {
			return
		}
		x /= 64
	}
}

// next returns the least member that is at least x, or -1.
func (s *searchSet) next(x int) int {
	for k := 0; k < len(s.levels); k++ {
		l := s.levels[k]
		if x/64 >= len(l) {
			return -1
		}
		if rest := l[x/64] >> (x % 64); rest != 0 {
			x += bits.TrailingZeros64(rest)
			for ; k > 0; k-- { // down again, to the first member below
				x = x*64 + bits.TrailingZeros64(s.levels[k-1][x])
			}
			return x
		}
		x = x/64 + 1
	}
	return -1
}
