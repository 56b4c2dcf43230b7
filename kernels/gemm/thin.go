package gemm

import (
	"unsafe"

	"longlora/kernels/buffer"
)

// thinTile computes C[rows, cols] (+)= A·Bᵀ, reading B where it lies: blocks of elements of rows of
// B that are ldb bytes apart, floats or half as long, and then left columns of rest, which are packed.
// Lines ahead bytes from those of B are fetched meanwhile. A and C are as in tile.
type thinTile func(blocks int64, a *float32, rowStride int64, b *byte, ldb, half, ahead, left int64,
	rest, c *float32, ldc, accumulate, rows int64)

// thin are a tier's tiles for products of few rows. They take as long as it takes to read B, which
// they do once, without packing it.
type thin struct {
	rows, cols int // the most rows, and the columns, of a tile
	step       int // words of a block
	halves     bool
	floats     thinTile // of floats and, with halves, of brain floats as floats
	brain      thinTile // of words of two brain floats; nil if there are none
}

const (
	// thinStrips is the number of strips of rows up to which it is better to read B again, from a
	// cache, than to pack it.
	thinStrips = 2
	// thinBytes is the part of B that a task goes through, thinSerial the elements of B that are not
	// worth a second thread.
	thinBytes  = 64 << 10
	thinSerial = 1 << 16
)

// isThin reports whether a product is one for thin tiles.
func (p *product) isThin() bool {
	t := &p.tiles.thin
	switch {
	case p.b.Coded.Rows != nil || p.a.Col != 1 || p.b.Row != 1 || p.b.scale() != 1:
		return false
	case p.m > thinStrips*t.rows || p.n < t.cols || p.words(p.k) < t.step:
		return false
	case p.pair == 2:
		return p.b.F32 == nil && p.k%2 == 0 && p.b.Col%2 == 0
	case p.b.F32 == nil:
		return t.halves
	}
	return !p.brain
}

// byBlocks hands out rows of B.
func (p *product) byBlocks() {
	t := &p.tiles.thin
	blocks := max(thinBytes/(p.b.size()*p.k*t.cols), 1)
	p.job = job{product: *p, cols: blocks * t.cols}
	tasks := (p.n + p.job.cols - 1) / p.job.cols
	if p.n*p.k > thinSerial {
		p.pool.RunTask(tasks, &p.blocks)
	} else {
		inTurn(tasks, &p.blocks)
	}
}

// doBlocks computes a task's columns.
func (d *Driver) doBlocks(worker, i int) {
	j, cols := &d.job, d.tiles.thin.cols
	for from := i * j.cols; from < min((i+1)*j.cols, j.n); from += cols {
		j.thinBlock(&d.own[worker], from)
	}
}

// thinBlock computes a tile's columns from from on. Those of the last tile that there are not are
// columns before, once more. What a thread reads next is what lies behind that which all threads
// read now: it is fetched meanwhile, line after line.
func (p *product) thinBlock(w *workspace, from int) {
	t := &p.tiles.thin
	first, next := min(from, p.n-t.cols), p.pool.Threads()*p.job.cols*p.b.Col
	for k := 0; k < p.k; k += p.kc {
		kc, b, add := min(p.kc, p.k-k), p.b.From(k, first), p.accumulate || k > 0
		ahead := (next + k*(t.cols-1)) * p.b.size()
		for i := 0; i < p.m; i += t.rows {
			rows, a := min(t.rows, p.m-i), p.a.From(i, k)
			if p.brain || a.Data == nil {
				a = p.left(w, a, rows, kc)
			}
			c := C{p.c.Data[i*p.c.Row+from:], p.c.Row}
			if first == from {
				p.thinTile(w, rows, kc, a, b, ahead, c, add)
				continue
			}
			p.thinTile(w, rows, kc, a, b, ahead, C{w.edge, t.cols}, false)
			c.store(w.edge[from-first:], rows, first+t.cols-from, t.cols, add)
		}
	}
}

// thinTile runs a tile, which fetches what lies ahead bytes from B.
func (p *product) thinTile(w *workspace, rows, k int, a A, b B, ahead int, c C,
	accumulate bool) {
	t, run, half := &p.tiles.thin, p.tiles.thin.floats, int64(0)
	if p.pair == 2 {
		b, run = B{F32: floats(b.BF16), Row: 1, Col: b.Col / 2}, t.brain
	}
	words, start := p.words(k), (*byte)(nil)
	last := (t.cols-1)*b.Col + words - 1
	if b.F32 != nil {
		_ = b.F32[last]
		start = (*byte)(unsafe.Pointer(&b.F32[0]))
	} else {
		_ = b.BF16[last]
		start, half = (*byte)(unsafe.Pointer(&b.BF16[0])), 1
	}
	_, _ = a.Data[(rows-1)*a.Row+words-1], c.Data[(rows-1)*c.Row+t.cols-1]
	left := words % t.step
	w.columns = buffer.Grow(w.columns, t.step*t.cols)
	if left > 0 {
		packElements(w.columns, b.From(words-left, 0), 0, left, t.cols, t.cols)
	}
	ldb, add := int64(b.size()*b.Col), int64(0)
	if accumulate {
		add = 1
	}
	run(int64(words/t.step), &a.Data[0], int64(a.Row), start, ldb, half,
		int64(ahead), int64(left), &w.columns[0], &c.Data[0], int64(c.Row), add, int64(rows))
}

// size returns the bytes of an element.
func (b B) size() int {
	if b.F32 != nil {
		return 4
	}
	return 2
}

// portableThin is a thin tile of four columns, which computes what portable does.
func portableThin(blocks int64, a *float32, rowStride int64, b *byte, ldb, _, _, left int64,
	rest, c *float32, ldc, add, rows int64) {
	n := 4 * int(blocks)
	column := func(j int) []float32 {
		return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(b), j*int(ldb))), n)
	}
	b0, b1, b2, b3 := column(0), column(1), column(2), column(3)
	for r := range int(rows) {
		x := unsafe.Slice(offset(a, r*int(rowStride)), n+int(left))
		var s0, s1, s2, s3 float32
		for i, x := range x[:n] {
			s0 += x * b0[i]
			s1 += x * b1[i]
			s2 += x * b2[i]
			s3 += x * b3[i]
		}
		for i, x := range x[n:] {
			row := unsafe.Slice(offset(rest, 4*i), 4)
			s0 += x * row[0]
			s1 += x * row[1]
			s2 += x * row[2]
			s3 += x * row[3]
		}
		to := unsafe.Slice(offset(c, r*int(ldc)), 4)
		if add != 0 {
			s0, s1, s2, s3 = s0+to[0], s1+to[1], s2+to[2], s3+to[3]
		}
		to[0], to[1], to[2], to[3] = s0, s1, s2, s3
	}
}
