//go:build !amd64

package simd

// Best returns the fastest tier that this machine supports.
func Best() Tier { return Portable }

func (o *Ops) assemble() {}
