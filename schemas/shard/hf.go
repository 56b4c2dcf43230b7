package shard

import (
	"io"

	"github.com/parquet-go/parquet-go"

	"longlora/schemas"
)

// hfSequence is a sequence with the columns that other trainers read by name, each of one number a
// token.
type hfSequence struct {
	schemas.Sequence
	// Labels are InputIDs where a token is a target, and -100 elsewhere: unshifted, as transformers has
	// them.
	Labels []int32 `parquet:"labels,list"`
	// PositionIDs start anew with 0 in each document.
	PositionIDs []int32 `parquet:"position_ids,list"`
	// AttentionMask is all ones: nothing is padded.
	AttentionMask []int32 `parquet:"attention_mask,list"`
}

// hfIgnored is the label of a token that is no target.
const hfIgnored = -100

// hfColumns is the number of columns that hfSequence adds.
const hfColumns = 3

// fill derives the columns of s in the memory that h has.
func (h *hfSequence) fill(s schemas.Sequence) {
	n := len(s.InputIDs)
	h.Sequence = s
	h.Labels, h.PositionIDs = grown(h.Labels, n), grown(h.PositionIDs, n)
	h.AttentionMask = grown(h.AttentionMask, n)
	for i := range n {
		h.Labels[i], h.AttentionMask[i] = hfIgnored, 1
	}
	for _, span := range s.LossSpans {
		copy(h.Labels[span.Start:span.End], s.InputIDs[span.Start:span.End])
	}
	at := 0
	for _, n := range s.DocLens {
		for p := range n {
			h.PositionIDs[at] = p
			at++
		}
	}
}

// rowWriter is the Parquet library's writer of rows of one type.
type rowWriter[T any] interface {
	Write(rows []T) (int, error)
	Flush() error
	Close() error
}

// hfWriter writes sequences with their derived columns.
type hfWriter struct {
	*parquet.GenericWriter[hfSequence]
	row hfSequence
}

func (w *hfWriter) Write(rows []schemas.Sequence) (n int, err error) {
	for _, row := range rows {
		w.row.fill(row)
		k, err := w.GenericWriter.Write([]hfSequence{w.row})
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

// newRowWriter returns the writer of a dataset's rows.
func newRowWriter[T Row](out io.Writer, hf bool, options []parquet.WriterOption) rowWriter[T] {
	if hf {
		w := any(&hfWriter{GenericWriter: parquet.NewGenericWriter[hfSequence](out, options...)})
		if w, ok := w.(rowWriter[T]); ok {
			return w
		}
	}
	return parquet.NewGenericWriter[T](out, options...)
}
