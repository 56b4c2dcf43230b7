package gemm

import (
	"longlora/kernels/parallel"
	"longlora/kernels/simd"
)

const (
	// blockK bounds the length of a chain of multiply-adds: a block of a panel of B stays in the
	// first-level cache.
	blockK = 320
	// blockN is the columns of B that a task goes through before it takes its next rows: with
	// blockK rows they fit a second-level cache.
	blockN = 512
	// maxPacked bounds the packed copy of B, in floats.
	maxPacked = 8 << 20
	// serial is the multiply-adds below which a product is not worth a second thread.
	serial = 1 << 19
)

// Precision is what operands are rounded to. Sums are float32.
type Precision uint8

// The precisions. Brain rounds both operands to brain floats, to nearest even.
const (
	Float Precision = iota
	Brain
)

// Driver multiplies matrices of any size on a pool's threads. It must not be used concurrently.
type Driver struct {
	pool   *parallel.Pool
	tiles  *Kernels
	ops    *simd.Ops
	shared []float32
	own    []workspace // one a worker

	brain   bool     // operands are brain floats
	heights []height // the tiles
	pair    int      // elements of a word that the tiles take, along k: 1 or 2
}

// workspace is a worker's memory: packed panels of B, rows of A, columns of B on their way to a
// panel, and a tile at the edge of C.
type workspace struct {
	panels, rows, columns, edge []float32
}

// NewDriver returns a Driver for a tier. Without instructions for brain floats they are multiplied
// as floats.
func NewDriver(pool *parallel.Pool, t simd.Tier, p Precision) *Driver {
	d := &Driver{pool: pool, tiles: For(t), ops: simd.For(t), own: make([]workspace, pool.Threads()),
		brain: p == Brain, pair: 1}
	d.heights = d.tiles.heights
	if d.brain && d.tiles.brain != nil {
		d.heights, d.pair = d.tiles.brain, 2
	}
	for i := range d.own {
		d.own[i].edge = make([]float32, d.tiles.Rows*d.tiles.Wide)
	}
	return d
}

// Kernels returns the driver's tiles.
func (d *Driver) Kernels() *Kernels { return d.tiles }

// product is one call of Multiply, or a column range of it.
type product struct {
	*Driver
	c          C
	a          A
	b          B
	m, n, k    int
	kc         int // length of all blocks along k but the last
	accumulate bool
}

// Multiply computes c = a·b, or adds it to c: [m, n] = [m, k]·[k, n].
func (d *Driver) Multiply(c C, a A, b B, m, n, k int, accumulate bool) {
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		if !accumulate {
			for i := range m {
				clear(c.Data[i*c.Row:][:n])
			}
		}
		return
	}
	blocks := (d.words(k) + blockK - 1) / blockK
	p := &product{d, c, a, b, m, n, k, (d.words(k) + blocks - 1) / blocks * d.pair, accumulate}
	if m > n {
		p.byRows()
	} else {
		p.byColumns()
	}
}

// words returns the words that k elements along the contraction take.
func (d *Driver) words(k int) int { return (k + d.pair - 1) / d.pair }

// byRows packs B once, as many whole panels of it as maxPacked allows, then hands out rows.
func (p *product) byRows() {
	chunk := max(maxPacked/p.words(p.k)/p.tiles.Wide, 1) * p.tiles.Wide
	for j := 0; j < p.n; j += chunk {
		q := *p
		q.n = min(chunk, p.n-j)
		q.c.Data, q.b = p.c.Data[j:], p.b.From(0, j)
		q.rowTasks()
	}
}

func (p *product) rowTasks() {
	g := p.tiles
	p.shared = grow(p.shared, g.Padded(p.n)*p.words(p.k))
	packed := p.shared
	p.run((p.n+g.Wide-1)/g.Wide, func(worker, i int) {
		p.packPanel(&p.own[worker], packed, i*g.Wide, 0, p.k)
	})
	rows := p.m / (4 * p.pool.Threads())
	rows = min(max((rows+g.Rows-1)/g.Rows, 1), 16) * g.Rows
	p.run((p.m+rows-1)/rows, func(worker, i int) {
		from := i * rows
		p.rowTask(&p.own[worker], packed, from, min(from+rows, p.m))
	})
}

// packPanel packs the panel of column j, rows [from, to) of B, to its place in packed.
func (p *product) packPanel(w *workspace, packed []float32, j, from, to int) {
	left := p.n - j
	width := p.tiles.Width(left)
	dst, b := packed[j*p.words(to-from):], p.b.From(from, j)
	switch {
	case p.pair == 2:
		p.packPairs(w, dst, b, to-from, min(left, width), width)
	case p.brain:
		p.tiles.Pack(dst, b, to-from, min(left, width), width)
		dst = dst[:(to-from)*width]
		p.ops.RoundBrain(dst, dst)
	default:
		p.tiles.Pack(dst, b, to-from, min(left, width), width)
	}
}

func (p *product) rowTask(w *workspace, packed []float32, from, to int) {
	for j := 0; j < p.n; j += blockN {
		end := min(j+blockN, p.n)
		for k := 0; k < p.k; k += p.kc {
			kc := min(p.kc, p.k-k)
			for i := from; i < to; i += p.tiles.Rows {
				rows := min(p.tiles.Rows, to-i)
				p.strip(w, i, rows, j, end, k, kc, packed, p.words(p.k), k/p.pair)
			}
		}
	}
}

// byColumns hands out columns; each task packs its own part of B, block by block.
func (p *product) byColumns() {
	g := p.tiles
	panels := (p.n + g.Wide - 1) / g.Wide
	cols := min(max(panels/(4*p.pool.Threads()), 1), 8) * g.Wide
	p.run((p.n+cols-1)/cols, func(worker, i int) {
		q := *p
		q.n = min(cols, p.n-i*cols)
		q.c.Data, q.b = p.c.Data[i*cols:], p.b.From(0, i*cols)
		q.columnTask(&p.own[worker])
	})
}

func (p *product) columnTask(w *workspace) {
	g := p.tiles
	w.panels = grow(w.panels, g.Padded(p.n)*p.words(p.kc))
	for k := 0; k < p.k; k += p.kc {
		kc := min(p.kc, p.k-k)
		for j := 0; j < p.n; j += g.Wide {
			p.packPanel(w, w.panels, j, k, k+kc)
		}
		for i := 0; i < p.m; i += g.Rows {
			p.strip(w, i, min(g.Rows, p.m-i), 0, p.n, k, kc, w.panels, p.words(kc), 0)
		}
	}
}

// strip computes rows [i, i+rows) of columns [from, to) over block [k, k+kc). The panel of column j
// is at packed[j*depth], and its row k is skip rows in.
func (p *product) strip(w *workspace, i, rows, from, to, k, kc int, packed []float32,
	depth, skip int) {
	g := p.tiles
	a, words := p.left(w, i, rows, k, kc), p.words(kc)
	add := p.accumulate || k > 0
	for j := from; j < to; j += g.Wide {
		width := g.Width(p.n - j)
		b, c := Panel{packed[j*depth+skip*width:], width}, C{p.c.Data[i*p.c.Row+j:], p.c.Row}
		if cols := p.n - j; cols < width {
			g.tile(p.heights, rows, width, words, a, b, C{w.edge, width}, false)
			c.store(w.edge, rows, cols, width, add)
			continue
		}
		g.tile(p.heights, rows, width, words, a, b, c, add)
	}
}

// store writes or adds a tile's first cols columns to c.
func (c C) store(tile []float32, rows, cols, width int, add bool) {
	for r := range rows {
		to, from := c.Data[r*c.Row:][:cols], tile[r*width:][:cols]
		if !add {
			copy(to, from)
			continue
		}
		for j, x := range from {
			to[j] += x
		}
	}
}

// left returns rows [i, i+rows) of block k of A: where they lie, or copied if their addresses would
// all fall on the same few sets of a first-level cache.
func (p *product) left(w *workspace, i, rows, k, kc int) A {
	a := A{p.a.Data[i*p.a.Row+k*p.a.Col:], p.a.Row, p.a.Col}
	if p.pair == 2 {
		return p.pairs(w, a, rows, kc)
	}
	if p.brain {
		return p.rounded(w, a, rows, kc)
	}
	if p.n <= p.tiles.Wide || a.Row%pageFloats != 0 && a.Col%pageFloats != 0 {
		return a
	}
	if a.Col == 1 {
		stride := kc + lineFloats
		w.rows = grow(w.rows, p.tiles.Rows*stride)
		for r := range rows {
			copy(w.rows[r*stride:], a.Data[r*a.Row:][:kc])
		}
		return A{w.rows, stride, 1}
	}
	w.rows = grow(w.rows, kc*lineFloats)
	for x := range kc {
		for r := range rows {
			w.rows[x*lineFloats+r] = a.Data[r*a.Row+x*a.Col]
		}
	}
	return A{w.rows, 1, lineFloats}
}

const (
	// pageFloats is the distance at which addresses share a set of a first-level cache.
	pageFloats = 1024
	lineFloats = 16
)

// run is Pool.Run, or a loop if the product is small.
func (p *product) run(n int, f func(worker, i int)) {
	if p.m*p.n*p.k > serial {
		p.pool.Run(n, f)
		return
	}
	for i := range n {
		f(0, i)
	}
}

// grow returns a buffer of at least n floats, s if it is large enough.
func grow(s []float32, n int) []float32 {
	if cap(s) >= n {
		return s[:cap(s)]
	}
	return make([]float32, n+n/4)
}
