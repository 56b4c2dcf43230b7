package eval

import "math"

// Bucket is the mean loss of the tokens at positions [From, To) of their documents.
type Bucket struct {
	From   int     `json:"from"`
	To     int     `json:"to"`
	NLL    float64 `json:"nll"`
	Tokens int64   `json:"tokens"`
}

// firstEdge is the end of the first bucket; each further bucket ends at twice the position.
const firstEdge = 512

// tally sums losses by position.
type tally struct {
	limit  int // no position reaches it
	sums   []float64
	tokens []int64
}

// newTally counts positions in [0, limit).
func newTally(limit int) *tally {
	n := 1
	for edge := firstEdge; edge < limit; edge *= 2 {
		n++
	}
	return &tally{limit: limit, sums: make([]float64, n), tokens: make([]int64, n)}
}

func (t *tally) add(position int, loss float64) {
	b := 0
	for edge := firstEdge; position >= edge; edge *= 2 {
		b++
	}
	t.sums[b] += loss
	t.tokens[b]++
}

// total returns the mean loss and the number of tokens.
func (t *tally) total() (nll float64, tokens int64) {
	for b, n := range t.tokens {
		nll, tokens = nll+t.sums[b], tokens+n
	}
	return nll / float64(tokens), tokens
}

// buckets returns the mean of each bucket that has tokens.
func (t *tally) buckets() []Bucket {
	all := []Bucket{}
	from, to := 0, firstEdge
	for b, n := range t.tokens {
		if n > 0 {
			all = append(all, Bucket{
				From: from, To: min(to, t.limit), NLL: t.sums[b] / float64(n), Tokens: n,
			})
		}
		from, to = to, 2*to
	}
	return all
}

// Perplexity is the result of both protocols.
type Perplexity struct {
	Protocol   string   `json:"protocol"`
	Perplexity float64  `json:"perplexity"` // exp(nll)
	NLL        float64  `json:"nll"`        // mean over tokens, in nats
	Tokens     int64    `json:"tokens"`     // scored
	Buckets    []Bucket `json:"buckets"`
}

func (t *tally) perplexity(protocol string) Perplexity {
	nll, tokens := t.total()
	return Perplexity{
		Protocol: protocol, Perplexity: math.Exp(nll), NLL: nll, Tokens: tokens, Buckets: t.buckets(),
	}
}
