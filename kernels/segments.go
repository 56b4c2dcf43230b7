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
	// Window, if positive, is the number of keys that a query sees at most, its own the last: of the
	// keys above, those with p - Window < j.
	Window int
	// Cap, if positive, bounds the scores softly: the softmax is over Cap·tanh(z/Cap), z the scaled
	// products.
	Cap float32
}

// First returns the first key that the query at key position p sees of a segment that begins at
// start.
func (s Segments) First(start, p int) int {
	if s.Window > 0 {
		return max(start, p-s.Window+1)
	}
	return start
}

// Last returns the end, exclusive, of the queries that see the key at position p of a segment that
// ends at end.
func (s Segments) Last(end, p int) int {
	if s.Window > 0 {
		return min(end, p+s.Window)
	}
	return end
}

// HeadGroup gives query heads [From, To) their segment bounds: cumulative, strictly increasing,
// from 0 to the number of keys.
type HeadGroup struct {
	From, To int
	Bounds   []int32
}
