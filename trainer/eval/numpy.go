package eval

// numpy is NumPy's legacy random.RandomState: the Mersenne Twister MT19937 (Matsumoto and Nishimura
// 1998, init_genrand), with whole numbers drawn by masks. The published pass-key test draws its
// prompts from it.
type numpy struct {
	state [624]uint32
	at    int
}

// newNumpy is numpy.random.seed(seed).
func newNumpy(seed uint32) *numpy {
	p := &numpy{at: 624}
	p.state[0] = seed
	for i := 1; i < len(p.state); i++ {
		p.state[i] = 1812433253*(p.state[i-1]^p.state[i-1]>>30) + uint32(i)
	}
	return p
}

func (p *numpy) uint32() uint32 {
	if p.at == len(p.state) {
		p.twist()
	}
	y := p.state[p.at]
	p.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (p *numpy) twist() {
	const n, m = 624, 397
	for i := range n {
		y := p.state[i]&(1<<31) | p.state[(i+1)%n]&(1<<31-1)
		next := p.state[(i+m)%n] ^ y>>1
		if y&1 == 1 {
			next ^= 0x9908b0df
		}
		p.state[i] = next
	}
	p.at = 0
}

// randint is numpy.random.randint(low, high), high excluded and less than 2^32 above low.
func (p *numpy) randint(low, high int) int {
	last := uint32(high - low - 1)
	if last == 0 {
		return low
	}
	mask := last
	for s := 1; s < 32; s *= 2 {
		mask |= mask >> s
	}
	for {
		if r := p.uint32() & mask; r <= last {
			return low + int(r)
		}
	}
}
