//go:build !amd64 && !arm64

package simd

// Tiers returns the tiers that this machine supports.
func Tiers() []Tier { return []Tier{Portable} }

func (o *Ops) assemble() {}
