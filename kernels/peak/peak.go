// Package peak measures what a core can do at most: loops of nothing but multiply-adds in registers,
// against which benchmarks state their share.
package peak

// Loop is a register-only loop.
type Loop struct {
	// Flops is the arithmetic of one round, a multiply-add counting two.
	Flops float64
	run   func(n int64)
}

// Run does n rounds on this thread.
func (l *Loop) Run(n int) { l.run(int64(n)) }
