package kernels

// Segments says which keys each query may see. It is data: one attention operator executes any
// pattern.
//
// Query row i stands at key position p = i + Offset. For its head's group, p lies in exactly one
// half-open segment [Bounds[n], Bounds[n+1]), and the query sees the keys Bounds[n] <= j <= p:
// causal within the segment. Groups cover all query heads in order. Offset is 0 in training and the
// number of cached keys in generation.
type Segments struct {
	Groups []HeadGroup
	Offset int
}

// HeadGroup gives query heads [From, To) their segment bounds: cumulative, strictly increasing,
// from 0 to the number of keys.
type HeadGroup struct {
	From, To int
	Bounds   []int32
}
