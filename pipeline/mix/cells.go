package mix

import (
	"fmt"
	"math"
	"math/bits"
	"sort"
)

// cell is the documents of a source within a bucket of lengths.
type cell struct {
	from, to  int // tokens, half-open; to 0: no bound
	factor    float64
	documents int64
	tokens    int64 // that packing keeps, of one epoch
	// epochs is how often the cell's tokens are taken; whole of them are of all documents.
	epochs float64
	whole  int
	// target is the number of tokens to take from the source's cells up to this one.
	target int64
	// What was taken.
	copies, mixed int64
	repeats       int // of the document that is taken most often
}

// kibi is the unit of exponents' factors, in tokens.
const kibi = 1024

// topBucket is the power of two from which all lengths are one bucket.
const topBucket = 24

// cellsOf returns the empty cells of a source.
func cellsOf(l Lengths) (cells []cell) {
	if len(l.Buckets) > 0 {
		cells = []cell{{factor: 1}}
		for _, b := range l.Buckets {
			cells[len(cells)-1].to = b.From
			cells = append(cells, cell{from: b.From, factor: b.Factor})
		}
		return cells
	}
	cells = []cell{{to: kibi, factor: 1}}
	for k := bits.Len(kibi); k <= topBucket; k++ {
		from := 1 << (k - 1)
		// Six digits are the same on every processor, whatever the last bit of its powers.
		factor := math.Round(math.Pow(float64(from/kibi), l.Exponent)*1e6) / 1e6
		cells = append(cells, cell{from: from, to: 2 * from, factor: factor})
	}
	cells[len(cells)-1].to = 0
	return cells
}

// cellOf returns the place of the cell of a document.
func cellOf(cells []cell, tokens int) int {
	return sort.Search(len(cells), func(i int) bool { return cells[i].from > tokens }) - 1
}

// most is the number of tokens that a source can give.
func most(cells []cell, maxEpochs int) (n int64) {
	for _, c := range cells {
		if c.factor > 0 {
			n += c.tokens * int64(maxEpochs)
		}
	}
	return n
}

// fill finds the epochs of every cell: factor times a number that is the same for all, but at most
// maxEpochs, so that target tokens are taken in all.
func fill(cells []cell, maxEpochs int, target int64) error {
	if n := most(cells, maxEpochs); n < target {
		return fmt.Errorf("%d tokens are wanted, and %d epochs of what there is give %d; lower tokens or "+
			"its weight, or raise max_epochs", target, maxEpochs, n)
	}
	full := make([]bool, len(cells)) // taken maxEpochs times
	for {
		left, weight := float64(target), 0.0
		for i, c := range cells {
			if full[i] {
				left -= float64(int64(maxEpochs) * c.tokens)
			} else {
				weight += float64(c.factor * float64(c.tokens)) // no fused multiply-add
			}
		}
		again := false
		for i := range cells {
			c := &cells[i]
			switch {
			case full[i]:
				c.epochs = float64(maxEpochs)
			case weight > 0:
				c.epochs = c.factor * max(left, 0) / weight
			default:
				c.epochs = 0
			}
			if c.epochs > float64(maxEpochs) && c.tokens > 0 {
				full[i], again = true, true
			}
		}
		if !again {
			break
		}
	}
	sum := 0.0
	for i := range cells {
		c := &cells[i]
		c.whole = min(int(c.epochs), maxEpochs)
		sum += float64(c.epochs * float64(c.tokens))
		c.target = min(int64(math.Round(sum)), target)
	}
	last := &cells[len(cells)-1] // the sum of the parts is off by rounding
	last.target = target
	return nil
}

// shares divides tokens by weight: parts of consecutive sources sum to their share within one token.
func shares(sources []Source, tokens int64) (targets []int64) {
	total, sum, given := 0.0, 0.0, int64(0)
	for _, s := range sources {
		total += s.Weight
	}
	for _, s := range sources {
		sum += s.Weight
		up := int64(math.Round(float64(tokens) * (sum / total)))
		targets = append(targets, up-given)
		given = up
	}
	return targets
}

// fit is the greatest number of tokens of a mixture that its sources can give.
func fit(sources []Source, cells [][]cell) int64 {
	total, n := 0.0, math.Inf(1)
	for _, s := range sources {
		total += s.Weight
	}
	for i, s := range sources {
		n = min(n, float64(most(cells[i], s.MaxEpochs))*(total/s.Weight))
	}
	tokens := int64(n)
	for ; tokens > 0; tokens-- { // the last token may be one too many for a share that is rounded up
		fits := true
		for i, t := range shares(sources, tokens) {
			fits = fits && t <= most(cells[i], sources[i].MaxEpochs)
		}
		if fits {
			break
		}
	}
	return tokens
}
