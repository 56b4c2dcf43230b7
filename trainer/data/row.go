package data

import (
	"longlora/schemas"
)

// Row is a sequence ready for training. It owns its memory.
type Row struct {
	IDs     []int32
	DocLens []int32
	// Targets[t] is the token to predict after token t, negative: none; Weights[t] its weight.
	Targets []int32
	Weights []float32
}

// rowOf derives a Row. The sequence is valid (schemas.Sequence.Validate).
func rowOf(s *schemas.Sequence) *Row {
	n := len(s.InputIDs)
	r := &Row{
		IDs: append([]int32(nil), s.InputIDs...), DocLens: append([]int32(nil), s.DocLens...),
		Targets: make([]int32, n), Weights: make([]float32, n),
	}
	for t := range r.Targets {
		r.Targets[t] = -1
	}
	doc, end := 0, s.DocLens[0] // of the document that holds token t
	for _, span := range s.LossSpans {
		for t := span.Start; t < span.End; t++ {
			for t >= end {
				doc++
				end += s.DocLens[doc]
			}
			r.Targets[t-1], r.Weights[t-1] = s.InputIDs[t], s.LossWeights[doc]
		}
	}
	return r
}

// PerDocument divides the weights of each document's targets by their number, so that each document
// counts by its weight and not by its length.
func (r *Row) PerDocument() {
	from := 0
	for _, n := range r.DocLens {
		doc := r.Targets[from : from+int(n)]
		scored := 0
		for _, target := range doc {
			if target >= 0 {
				scored++
			}
		}
		for t, target := range doc {
			if target >= 0 {
				r.Weights[from+t] /= float32(scored)
			}
		}
		from += int(n)
	}
}

// Weight returns the sum of the weights of the row's targets, in order.
func (r *Row) Weight() float64 {
	var sum float64
	for t, target := range r.Targets {
		if target >= 0 {
			sum += float64(r.Weights[t])
		}
	}
	return sum
}

// Scored returns the number of targets.
func (r *Row) Scored() int {
	n := 0
	for _, target := range r.Targets {
		if target >= 0 {
			n++
		}
	}
	return n
}
