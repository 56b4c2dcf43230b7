// Package dice draws reproducible choices: the same on every machine, with every version of Go and
// any number of workers, because each place that chooses has a stream of its own, named by a
// string.
package dice

import (
	"crypto/sha256"
	"encoding/binary"
)

// Dice is a stream of numbers. It must not be used concurrently.
type Dice struct{ state uint64 }

// New returns the stream with a name, given as parts.
func New(name ...string) *Dice {
	h := sha256.New()
	for _, n := range name {
		h.Write(binary.AppendUvarint(nil, uint64(len(n)))) // a hash never fails
		h.Write([]byte(n))
	}
	return &Dice{binary.LittleEndian.Uint64(h.Sum(nil))}
}

// next is splitmix64 (Steele, Lea, Flood 2014).
func (d *Dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Float returns a number in [0, 1).
func (d *Dice) Float() float64 { return float64(d.next()>>11) / (1 << 53) }

// Int returns a number in [0, n); n must be positive.
func (d *Dice) Int(n int) int { return int(d.Float() * float64(n)) }

// Pick returns one of the choices, of which there must be some.
func Pick[T any](d *Dice, choices []T) T { return choices[d.Int(len(choices))] }

// Shuffled returns the items in a drawn order, in a slice of its own.
func Shuffled[T any](d *Dice, items []T) []T {
	out := append([]T(nil), items...)
	for i := len(out) - 1; i > 0; i-- {
		j := d.Int(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// Weighted returns an index, drawn in proportion to the weights; -1 if none is positive.
func (d *Dice) Weighted(weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += max(w, 0)
	}
	at, last := d.Float()*sum, -1
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		if last = i; at < w {
			return i
		}
		at -= w
	}
	return last
}
