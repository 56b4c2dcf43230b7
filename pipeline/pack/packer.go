package pack

import (
	"errors"
	"fmt"

	"longlora/schemas"
)

// Options says how documents become sequences.
type Options struct {
	// Context is the greatest number of tokens in a sequence, at least 2.
	Context int
	// Packing is the name of a packing; empty means best-fit.
	Packing string
	// OverLength is the name of an over-length policy; empty means split.
	OverLength string
	// WindowTokens is the number of tokens that best-fit and length-bucketed look at together, at least
	// Context; 0 means 64 sequences, but at least 4 Mi tokens. Memory is at most twice the window, and
	// one document.
	WindowTokens int
	// Reject is called for each document that is dropped or of which tokens are lost; nil: for none.
	Reject func(id, reason, detail string)
}

// minWindow is the least default of Options.WindowTokens.
const minWindow = 4 << 20

// Validate reports every problem at once.
func (o Options) Validate() error {
	var errs []error
	if o.Context < 2 {
		errs = append(errs, fmt.Errorf("context %d is below 2: one token has no target", o.Context))
	}
	if _, err := find("packing", packings, o.Packing); err != nil {
		errs = append(errs, err)
	}
	if _, err := find("over-length policy", policies, o.OverLength); err != nil {
		errs = append(errs, err)
	}
	if o.WindowTokens != 0 && o.WindowTokens < o.Context {
		errs = append(errs, fmt.Errorf("window of %d tokens is smaller than the context of %d; take at "+
			"least that, or 0 for 64 sequences, at least %d tokens", o.WindowTokens, o.Context, minWindow))
	}
	return errors.Join(errs...)
}

// WithDefaults returns the options with every zero replaced by what it means.
func (o Options) WithDefaults() Options {
	if o.Packing == "" {
		o.Packing = packings[0].name
	}
	if o.OverLength == "" {
		o.OverLength = policies[0].name
	}
	if o.WindowTokens == 0 {
		o.WindowTokens = max(minWindow, 64*o.Context)
	}
	return o
}

// Kept returns how many tokens the over-length policy keeps of a document; the policy error keeps all.
func (o Options) Kept(tokens int) (kept int) {
	cut, err := find("over-length policy", policies, o.OverLength)
	if err != nil || tokens <= o.Context {
		return tokens
	}
	cuts, err := cut.value(tokens, o.Context)
	if err != nil {
		return tokens
	}
	for _, c := range cuts {
		for _, r := range c {
			kept += r.end - r.start
		}
	}
	return kept
}

// Sample is a tokenized document.
type Sample struct {
	ID, Source, Licence string
	// Tokens include BOS and EOS where the tokenizer has them. The Packer keeps the slice.
	Tokens []int32
	// Loss are the targets, in order, over Tokens; nil means all tokens but the first.
	Loss []schemas.LossSpan
	// Weight is the document's loss weight; 0 means 1.
	Weight float32
}

// Report counts what a Packer did. Reports of parts add up.
type Report struct {
	Documents    int64 `json:"documents"`     // that came in
	Tokens       int64 `json:"tokens"`        // that came in
	Dropped      int64 `json:"dropped"`       // documents
	Cut          int64 `json:"cut"`           // documents that lost tokens
	LostTokens   int64 `json:"lost_tokens"`   // of dropped and cut documents
	Split        int64 `json:"split"`         // documents in more than one piece
	Sequences    int64 `json:"sequences"`     // that came out
	PackedTokens int64 `json:"packed_tokens"` // in them
	Targets      int64 `json:"targets"`       // tokens that are predicted
}

// Add adds another part's counts.
func (r *Report) Add(o Report) {
	r.Documents += o.Documents
	r.Tokens += o.Tokens
	r.Dropped += o.Dropped
	r.Cut += o.Cut
	r.LostTokens += o.LostTokens
	r.Split += o.Split
	r.Sequences += o.Sequences
	r.PackedTokens += o.PackedTokens
	r.Targets += o.Targets
}

// The reasons that Options.Reject is called with, beside those of the over-length policies.
const ReasonNoTarget = "no target"

// Packer packs a stream of documents. It must not be used concurrently.
type Packer struct {
	o       Options
	cut     policy
	packing packing
	// finish takes the pieces of a sequence, and name says which document a piece is of: a Packer and a
	// Planner differ in them.
	finish func([]piece) error
	name   func(piece) string
	emit   func(schemas.Sequence) error
	report Report
	// split holds the last document that a packing cut, so that it counts once.
	split string
}

// packing groups pieces. It hands finished groups to Packer.finish.
type packing interface {
	add(piece) error
	flush() error
}

// New returns a Packer that hands every finished sequence to emit.
func New(o Options, emit func(schemas.Sequence) error) (*Packer, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	o = o.WithDefaults()
	p := &Packer{o: o, emit: emit}
	p.finish, p.name = p.sequence, func(q piece) string { return q.body.ref.SampleID }
	cut, err := find("over-length policy", policies, o.OverLength)
	if err != nil {
		return nil, err
	}
	how, err := find("packing", packings, o.Packing)
	if err != nil {
		return nil, err
	}
	p.cut, p.packing = cut.value, how.value(p)
	return p, nil
}

// Report returns the counts so far.
func (p *Packer) Report() Report { return p.report }

// Add takes a document. An error is final.
func (p *Packer) Add(s Sample) error {
	whole, err := newPiece(s)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return p.add(whole, len(whole.body.loss) > 0)
}

// add takes a whole document; targets says whether it has any.
func (p *Packer) add(whole piece, targets bool) error {
	p.report.Documents++
	p.report.Tokens += int64(whole.n)
	if !targets {
		p.drop(whole, ReasonNoTarget, fmt.Sprintf("%d tokens", whole.n))
		return nil
	}
	if whole.n <= p.o.Context {
		return p.packing.add(whole)
	}
	cuts, err := p.cut(whole.n, p.o.Context)
	if err != nil {
		return fmt.Errorf("pack: document %q: %w", p.name(whole), err)
	}
	return p.addPieces(whole, cuts)
}

// addPieces passes on what an over-length policy leaves of a document.
func (p *Packer) addPieces(whole piece, cuts [][]span) error {
	if len(cuts) == 0 {
		p.drop(whole, p.reason(), fmt.Sprintf("%d tokens, context %d", whole.n, p.o.Context))
		return nil
	}
	kept := 0
	for _, c := range cuts {
		for _, r := range c {
			kept += r.end - r.start
		}
	}
	if lost := whole.n - kept; lost > 0 {
		p.report.Cut++
		p.report.LostTokens += int64(lost)
		p.reject(whole, p.reason(), fmt.Sprintf("kept %d of %d tokens", kept, whole.n))
	}
	if len(cuts) > 1 {
		p.countSplit(whole)
	}
	for _, c := range cuts {
		if err := p.packing.add(whole.keep(c)); err != nil {
			return err
		}
	}
	return nil
}

func (p *Packer) reason() string { return "over-length: " + p.o.OverLength }

// Close packs what is still waiting. The Packer cannot be used afterwards.
func (p *Packer) Close() error { return p.packing.flush() }

func (p *Packer) drop(whole piece, reason, detail string) {
	p.report.Dropped++
	p.report.LostTokens += int64(whole.n)
	p.reject(whole, reason, detail)
}

func (p *Packer) reject(q piece, reason, detail string) {
	if p.o.Reject != nil {
		p.o.Reject(p.name(q), reason, detail)
	}
}

// countSplit counts a document in several pieces once, whoever cut it.
func (p *Packer) countSplit(q piece) {
	if id := p.name(q); p.split != id {
		p.split = id
		p.report.Split++
	}
}

// lose counts pieces without any target between them: such a sequence would train nothing.
func (p *Packer) lose(pieces []piece) {
	for _, q := range pieces {
		p.report.LostTokens += int64(q.n)
		p.reject(q, ReasonNoTarget, fmt.Sprintf("tokens %d to %d hold no target", q.from, q.to))
	}
}

// sequence joins pieces and emits them.
func (p *Packer) sequence(pieces []piece) error {
	s := join(pieces)
	if len(s.LossSpans) == 0 {
		p.lose(pieces)
		return nil
	}
	for _, l := range s.LossSpans {
		p.report.Targets += int64(l.End - l.Start)
	}
	p.report.Sequences++
	p.report.PackedTokens += int64(s.NTokens)
	return p.emit(s)
}

// join makes a sequence of pieces.
func join(pieces []piece) (s schemas.Sequence) {
	n := 0
	for i := range pieces {
		n += pieces[i].n
	}
	s.InputIDs = make([]int32, 0, n)
	for _, p := range pieces {
		start, d := int32(len(s.InputIDs)), p.body
		s.InputIDs = append(s.InputIDs, d.tokens...)
		s.DocLens = append(s.DocLens, int32(p.n))
		s.Docs = append(s.Docs, d.ref)
		s.LossWeights = append(s.LossWeights, d.weight)
		for _, l := range d.loss {
			s.LossSpans = append(s.LossSpans, schemas.LossSpan{Start: start + l.Start, End: start + l.End})
		}
	}
	s.NTokens = int32(n)
	return s
}
