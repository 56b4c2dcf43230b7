package eval

import (
	"fmt"
	"iter"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/array"

	"longlora/schemas"
	"longlora/schemas/shard"
)

// Sequences yields the rows of a reader of sequence records, which the caller releases, and at most
// limit of them (0: all). Each owns its ids.
func Sequences(r array.RecordReader, limit int) iter.Seq2[schemas.Sequence, error] {
	return func(yield func(schemas.Sequence, error) bool) {
		n := 0
		for r.Next() {
			rec := r.Record()
			for i := range int(rec.NumRows()) {
				if n == limit && limit > 0 {
					return
				}
				n++
				s := shard.SequenceAt(rec, i)
				s.InputIDs, s.DocLens = slices.Clone(s.InputIDs), slices.Clone(s.DocLens)
				if !yield(s, nil) {
					return
				}
			}
		}
		if err := r.Err(); err != nil {
			yield(schemas.Sequence{}, err)
		}
	}
}

// Pieces returns count documents, or parts of them, of exactly length tokens. They are taken in
// turn: the first of each document, in order of the sequences, then the second of each, and so on,
// so that as many documents as possible are among them.
func Pieces(seqs iter.Seq2[schemas.Sequence, error], length, count int) ([]Piece, error) {
	rounds := [][]Piece{}
	taken := map[string]int{}
	for seq, err := range seqs {
		if err != nil {
			return nil, err
		}
		from := int32(0)
		for i, n := range seq.DocLens {
			doc, ids := seq.Docs[i], seq.InputIDs[from:from+n]
			from += n
			if int(n) < length {
				continue
			}
			round := taken[doc.SampleID]
			taken[doc.SampleID]++
			if round == len(rounds) {
				rounds = append(rounds, nil)
			}
			rounds[round] = append(rounds[round],
				Piece{ID: doc.SampleID, IDs: ids[:length], Begins: doc.Start == 0})
		}
	}
	all := slices.Concat(rounds...)
	if len(all) < count {
		return nil, fmt.Errorf("%d documents or parts of %d tokens, want %d", len(all), length, count)
	}
	return all[:count], nil
}
