// Package eval measures language models on sequences: perplexity in two protocols, the loss on
// identifiers that were last seen far back, and the recall of a hidden number.
//
// It sees a model through Scorer, so each measure can be held against a naive computation.
package eval

// Scorer gives the losses of a model on packed documents. It is used by one goroutine at a time.
type Scorer interface {
	// Losses writes -log p(ids[t] | the tokens before it in its document), in nats, to out[t]. ids
	// are documents of docLens tokens one after another; positions begin anew at each. out[t] is 0
	// for a document's first token and wherever wanted, if not nil, is false.
	Losses(out []float32, ids, docLens []int32, wanted []bool) error
	// MaxTokens is the greatest len(ids) of one call.
	MaxTokens() int
}
