package eval

import (
	"context"
	"fmt"

	"longlora/internal/tokenizer"
)

// FarCopy is the measure of the far-copy loss. Its targets are the identifiers of a Go document
// that were last seen far back:
//
//   - An identifier is a maximal run of letters, digits and underscores that the Go scanner takes
//     for an identifier: not a keyword, not predeclared, not the blank one, and in no comment or
//     string. It ends before its document's last byte, so that it is whole.
//   - It is far if the same run of characters, of the same case, stands before it in the
//     document, anywhere, comments and strings included; if the last token of the nearest such
//     occurrence lies more than Near tokens before the identifier's first; and if the first token
//     of that occurrence lies at most Far tokens before it.
//
// Its tokens are all that hold one of its bytes (the first may begin with a space or a point), and
// its loss is the sum of theirs: -log p(identifier | all before it). A model that sees the last
// Near tokens sees no part of the earlier occurrence when it predicts the first token.
type FarCopy struct {
	Near, Far int
	Tokenizer *tokenizer.Tokenizer
	// Seed determines the bootstrap's draws.
	Seed uint64
}

// Target is one far identifier: the tokens [From, To) of its sequence.
type Target struct {
	From, To int
	// Distance is the number of tokens from the last of the earlier occurrence to From.
	Distance int
	Name     string
}

// Piece is a document, or a part of one, whose targets are scored.
type Piece struct {
	ID  string
	IDs []int32
	// Begins says that the document's text begins here.
	Begins bool
}

// Targets returns a document's far identifiers in order.
func (f *FarCopy) Targets(p Piece) ([]Target, error) {
	s, err := spell(f.Tokenizer, p.IDs)
	if err != nil {
		return nil, fmt.Errorf("far-copy: document %s: %w", p.ID, err)
	}
	type place struct{ from, to int } // tokens, half-open
	last := map[string]place{}
	var all []Target
	for _, w := range words(s.text, p.Begins) {
		name := s.text[w.from:w.to]
		here := place{s.token(w.from), s.token(w.to-1) + 1}
		before, seen := last[name]
		last[name] = here
		if !seen || !w.code || w.to == len(s.text) {
			continue
		}
		distance := here.from - (before.to - 1)
		if distance > f.Near && here.from-before.from <= f.Far {
			all = append(all, Target{From: here.from, To: here.to, Distance: distance, Name: name})
		}
	}
	return all, nil
}

// System is a model as the far-copy measure uses it.
type System struct {
	Name   string
	Scorer Scorer
	// Window is the number of tokens that the model may see at once; 0 means all.
	Window int
	// Step is the distance between two windows: each token is predicted from at least Window-Step
	// tokens.
	Step int
}

// Tokens returns the number of tokens that the system reads to score the documents.
func (y *System) Tokens(docs []Piece) (n int64) {
	for _, d := range docs {
		n += int64(len(d.IDs))
		if y.Window > 0 && len(d.IDs) > y.Window {
			steps := (len(d.IDs) - y.Window + y.Step - 1) / y.Step
			n += int64(y.Window*(steps+1) - len(d.IDs))
		}
	}
	return n
}

func (y *System) losses(ctx context.Context, ids []int32, progress Progress) ([]float32, error) {
	if y.Window > 0 {
		return Sliding(ctx, y.Scorer, ids, y.Window, y.Step, progress)
	}
	if len(ids) > y.Scorer.MaxTokens() {
		return nil, fmt.Errorf("a document of %d tokens, the model takes %d",
			len(ids), y.Scorer.MaxTokens())
	}
	out := make([]float32, len(ids))
	err := y.Scorer.Losses(out, ids, []int32{int32(len(ids))}, nil)
	if progress != nil {
		progress(len(ids))
	}
	return out, err
}
