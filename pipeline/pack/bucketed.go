package pack

import "math/bits"

// bucketed packs pieces of each power of two of lengths apart, each by best fit, so that the documents
// of a sequence, and of the sequences beside it, take about the same work. Long pieces leave their
// sequences partly empty: nothing is stored for that, but utilisation is lower than that of best-fit.
type bucketed struct {
	p       *Packer
	buckets []*bestFit // by the bits of a length
	cost    int        // of all windows, in tokens
}

func newBucketed(p *Packer) packing {
	b := &bucketed{p: p, buckets: make([]*bestFit, bits.Len(uint(p.o.Context))+1)}
	return b
}

func (b *bucketed) add(p piece) error {
	k := bits.Len(uint(p.n - 1))
	if b.buckets[k] == nil {
		b.buckets[k] = newBestFit(b.p).(*bestFit)
	}
	b.buckets[k].wait(p)
	if b.cost += p.n + pieceCost; b.cost < b.p.o.WindowTokens {
		return nil
	}
	b.cost = 0
	for _, f := range b.buckets {
		if f == nil {
			continue
		}
		f.pack()
		if err := f.emit(false); err != nil {
			return err
		}
	}
	return nil
}

func (b *bucketed) flush() error {
	for _, f := range b.buckets {
		if f == nil {
			continue
		}
		if err := f.flush(); err != nil {
			return err
		}
	}
	return nil
}
