package data

import (
	"longlora/kernels"
	"longlora/trainer/model"
)

// Segmenter gives the attention segments of documents of those lengths laid end to end.
type Segmenter func(docLens []int32) kernels.Segments

// Layout says how rows become a micro-batch.
type Layout struct {
	Segments Segmenter
	// Layers gives the segments of each layer, where they differ; nil: all have Segments'.
	Layers func(docLens []int32) []kernels.Segments
	// Name says in metrics by which pattern a step attended; empty: nothing.
	Name string
	// Across makes each row one document: attention and positions go on across its documents' ends,
	// as upstream trained.
	Across bool
}

// Join lays rows end to end as one micro-batch.
func (y Layout) Join(rows []*Row) *model.Batch {
	b := &model.Batch{}
	var lens []int32
	for _, r := range rows {
		b.IDs = append(b.IDs, r.IDs...)
		b.Targets = append(b.Targets, r.Targets...)
		b.Weights = append(b.Weights, r.Weights...)
		if y.Across {
			lens = append(lens, int32(len(r.IDs)))
		} else {
			lens = append(lens, r.DocLens...)
		}
	}
	b.Positions = make([]int32, 0, len(b.IDs))
	for _, n := range lens {
		for p := range n {
			b.Positions = append(b.Positions, p)
		}
	}
	if y.Layers != nil {
		b.Layers = y.Layers(lens)
		return b
	}
	b.Segments = y.Segments(lens)
	return b
}

// Groups cuts rows, in order, into runs of at most tokens tokens together, or of one longer row:
// the micro-batches of a step.
func Groups(rows []*Row, tokens int) [][]*Row {
	var all [][]*Row
	size := 0
	for i, r := range rows {
		if i == 0 || size+len(r.IDs) > tokens {
			all, size = append(all, nil), 0
		}
		last := len(all) - 1
		all[last] = append(all[last], r)
		size += len(r.IDs)
	}
	return all
}
