package pack

import (
	"cmp"
	"slices"
)

const (
	// fullEnough is the part of a sequence, in 1/1024, from which it is not kept open for the next
	// window.
	fullEnough = 1022
	// pieceCost is what a piece takes beside its tokens, in tokens.
	pieceCost = 32
)

// bestFit is best-fit-decreasing within windows of pieces (Johnson 1973). Sequences with much room
// stay open for the next window.
type bestFit struct {
	p       *Packer
	window  []piece
	cost    int // of window, in tokens
	arrived int64
	bins    []bin
	byFree  [][]int // bins by free tokens
	free    *searchSet
}

type bin struct {
	pieces []piece
	free   int
}

func newBestFit(p *Packer) packing {
	return &bestFit{p: p, byFree: make([][]int, p.o.Context+1), free: newSearchSet(p.o.Context + 1)}
}

func (f *bestFit) add(p piece) error {
	if p.n == f.p.o.Context {
		f.arrived++
		return f.p.finish([]piece{p})
	}
	f.wait(p)
	if f.cost < f.p.o.WindowTokens {
		return nil
	}
	f.pack()
	return f.emit(false)
}

// wait puts a piece into the window.
func (f *bestFit) wait(p piece) {
	p.order = f.arrived
	f.arrived++
	f.window = append(f.window, p)
	f.cost += p.n + pieceCost
}

func (f *bestFit) flush() error {
	f.pack()
	return f.emit(true)
}

// pack puts the window's pieces into bins.
func (f *bestFit) pack() {
	slices.SortFunc(f.window, func(a, b piece) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.order, b.order))
	})
	for i := range f.bins {
		f.offer(i)
	}
	for _, p := range f.window {
		i := f.take(p.n)
		b := &f.bins[i]
		b.pieces = append(b.pieces, p)
		b.free -= p.n
		f.offer(i)
	}
	clear(f.window)
	f.window, f.cost = f.window[:0], 0
	for i := range f.bins {
		f.byFree[f.bins[i].free] = f.byFree[f.bins[i].free][:0]
		f.free.remove(f.bins[i].free)
	}
}

// offer files a bin under its free tokens.
func (f *bestFit) offer(i int) {
	free := f.bins[i].free
	f.byFree[free] = append(f.byFree[free], i)
	f.free.insert(free)
}

// take removes and returns the fullest bin with room for n tokens, or a new one.
func (f *bestFit) take(n int) int {
	free := f.free.next(n)
	if free < 0 {
		f.bins = append(f.bins, bin{free: f.p.o.Context})
		return len(f.bins) - 1
	}
	l := f.byFree[free]
	i := l[len(l)-1]
	f.byFree[free] = l[:len(l)-1]
	if len(l) == 1 {
		f.free.remove(free)
	}
	return i
}

// emit hands on the bins, in the order of their first documents. Unless all is set, those with much
// room stay, as long as they hold less than half a window.
func (f *bestFit) emit(all bool) error {
	for i := range f.bins {
		slices.SortFunc(f.bins[i].pieces, func(a, b piece) int { return cmp.Compare(a.order, b.order) })
	}
	slices.SortFunc(f.bins, func(a, b bin) int {
		return cmp.Compare(a.pieces[0].order, b.pieces[0].order)
	})
	limit := f.p.o.Context - f.p.o.Context*fullEnough/1024
	open, room := f.bins[:0:0], f.p.o.WindowTokens/2
	for _, b := range f.bins {
		if used := f.p.o.Context - b.free; !all && b.free > limit && used <= room {
			open, room = append(open, b), room-used
			continue
		}
		if err := f.p.finish(b.pieces); err != nil {
			return err
		}
	}
	f.bins = open
	return nil
}
