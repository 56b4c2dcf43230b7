package linear

// Keep reports whether dropout with probability p keeps an element. It is a pure function of the
// seed and of the element's index in row-major order: SplitMix64 (Steele, Lea and Flood 2014) of
// both, its upper 24 bits against p.
func Keep(seed, index uint64, p float32) bool {
	z := (seed ^ index*0xd1342543de82ef95) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float32(z>>40)*0x1p-24 >= p
}
