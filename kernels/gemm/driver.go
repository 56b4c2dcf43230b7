package gemm

import (
	"longlora/kernels/buffer"
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
	// wordsK and wordsN are the same for words of brain floats: sums are worth longer chains where
	// arithmetic is faster.
	wordsK, wordsN = 512, 384
	// tasksPerThread evens out threads of different speed, maxStrips bounds the tiles' rows of A
	// that a task keeps in a second-level cache.
	tasksPerThread = 8
	maxStrips      = 16
	// manyRows is the number of strips of brain floats worth packing all of B.
	manyRows = 8
	// nearby is the size of a packed B, in floats, from which on a task goes through it block by
	// block with as many rows as there are, since it comes from farther than a second-level cache.
	nearby = 128 << 10
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

	brain  bool   // operands are brain floats
	tile   widths // the tiles
	pair   int    // elements of a word that the tiles take, along k: 1 or 2
	blockK int    // words
	blockN int

	job job // of the present run
	// What runs do, with job: pack panels, multiply rows, columns or a few rows, pack a Packed.
	panels, rows, columns, blocks, whole parallel.Task
}

// job is what the tasks of a run share.
type job struct {
	product
	packed []float32
	strips int // of rows, shared out among tasks
	tasks  int
	cols   int    // of a task that has columns
	to     Packed // whole's
}

// workspace is a worker's memory: packed panels of B, columns of B on their way to one, a block of
// a transposed A, rows of A as the tiles take them, a tile at the edge of C, and what was expanded of
// a coded B.
type workspace struct {
	panels, columns, block, rows, edge, expanded []float32
}

// NewDriver returns a Driver for a tier. Without instructions for brain floats they are multiplied
// as floats.
func NewDriver(pool *parallel.Pool, t simd.Tier, p Precision) *Driver {
	d := &Driver{pool: pool, tiles: For(t), ops: simd.For(t), own: make([]workspace, pool.Threads()),
		brain: p == Brain, pair: 1, blockK: blockK, blockN: blockN}
	d.tile = d.tiles.floats
	if d.brain && d.tiles.brain.wide != nil {
		d.tile, d.pair, d.blockK, d.blockN = d.tiles.brain, 2, wordsK, wordsN
	}
	for i := range d.own {
		d.own[i].edge = buffer.Floats(d.tiles.Rows * d.tiles.Wide)
	}
	d.panels.Do, d.rows.Do, d.columns.Do = d.doPanel, d.doRows, d.doColumns
	d.blocks.Do, d.whole.Do = d.doBlocks, d.doWhole
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
	kc         int // length of all blocks along k but the last, in whole lines
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
	p := d.product(c, a, m, n, k, accumulate)
	p.b = b
	// Rows of A that are converted on their way are so once for each task that has columns of B.
	switch {
	case p.isThin():
		p.byBlocks()
	case m > n || d.brain && m >= manyRows*d.tiles.Rows:
		p.byRows()
	default:
		p.byColumns()
	}
}

// product returns a product without its right operand.
func (d *Driver) product(c C, a A, m, n, k int, accumulate bool) *product {
	blocks := (d.words(k) + d.blockK - 1) / d.blockK
	words := ((d.words(k)+blocks-1)/blocks + lineFloats - 1) / lineFloats * lineFloats
	return &product{Driver: d, c: c, a: a, m: m, n: n, k: k, kc: words * d.pair,
		accumulate: accumulate}
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
	p.shared = buffer.Grow(p.shared, g.Padded(p.n)*p.words(p.k))
	packed := p.shared[:g.Padded(p.n)*p.words(p.k)]
	strips := (p.m + g.Rows - 1) / g.Rows
	perThread := tasksPerThread
	if len(packed) > nearby {
		perThread = 2
	}
	tasks := min(max(perThread*p.pool.Threads(), strips/maxStrips), strips)
	p.job = job{product: *p, packed: packed, strips: strips, tasks: tasks}
	p.run((p.n+g.Wide-1)/g.Wide, &p.panels)
	p.run(tasks, &p.rows)
}

// doPanel packs a panel.
func (d *Driver) doPanel(worker, i int) {
	d.job.packPanel(&d.own[worker], d.job.packed, i*d.tiles.Wide, 0, d.job.k)
}

// doRows computes a task's rows.
func (d *Driver) doRows(worker, i int) {
	j := &d.job
	from, to := i*j.strips/j.tasks*d.tiles.Rows, (i+1)*j.strips/j.tasks*d.tiles.Rows
	j.rowTask(&d.own[worker], j.packed, from, min(to, j.m))
}

// packPanel packs the panel of column j, rows [from, to) of B, to its place in packed.
func (p *product) packPanel(w *workspace, packed []float32, j, from, to int) {
	left := p.n - j
	width := p.tiles.Width(left)
	p.pack(w, packed[j*p.words(to-from):], p.b.From(from, j), to-from, min(left, width), width)
}

// pack writes columns [0, cols) and rows [0, k) of b as a panel of a width.
func (d *Driver) pack(w *workspace, dst []float32, b B, k, cols, width int) {
	switch {
	case b.Coded.Rows != nil:
		d.packCoded(w, dst, b, k, cols, width)
	case d.pair == 2:
		d.packPairs(w, dst, b, k, cols, width)
	case d.brain:
		d.tiles.Pack(dst, b, k, cols, width)
		dst = dst[:k*width]
		d.ops.RoundBrain(dst, dst)
	default:
		d.tiles.Pack(dst, b, k, cols, width)
	}
}

func (p *product) rowTask(w *workspace, packed []float32, from, to int) {
	if p.n <= p.tiles.Narrow && p.a.Col == 1 {
		p.tallTask(w, packed, from, to)
		return
	}
	for j := 0; j < p.n; j += p.blockN {
		end := min(j+p.blockN, p.n)
		for k := 0; k < p.k; k += p.kc {
			kc := min(p.kc, p.k-k)
			a := p.gather(w, from, to, k, kc)
			for i := from; i < to; i += p.tiles.Rows {
				rows := min(p.tiles.Rows, to-i)
				p.strip(w, a.From(i-from, 0), i, rows, j, end, k, kc, packed, p.words(p.k), k/p.pair)
			}
		}
	}
}

// tallTask is rowTask for a C so narrow that what takes the time is to read A: in order, as far as
// a tile lets it.
func (p *product) tallTask(w *workspace, packed []float32, from, to int) {
	for i := from; i < to; i += p.tiles.Rows {
		rows := min(p.tiles.Rows, to-i)
		for k := 0; k < p.k; k += p.kc {
			kc := min(p.kc, p.k-k)
			p.strip(w, p.a.From(i, k), i, rows, 0, p.n, k, kc, packed, p.words(p.k), k/p.pair)
		}
	}
}

// byColumns hands out columns; each task packs its own part of B, block by block.
func (p *product) byColumns() {
	g := p.tiles
	panels := (p.n + g.Wide - 1) / g.Wide
	cols := min(max(panels/(4*p.pool.Threads()), 1), 8) * g.Wide
	p.job = job{product: *p, cols: cols}
	p.run((p.n+cols-1)/cols, &p.columns)
}

// doColumns computes a task's columns.
func (d *Driver) doColumns(worker, i int) {
	cols, q := d.job.cols, d.job.product
	q.c.Data, q.b, q.n = q.c.Data[i*cols:], q.b.From(0, i*cols), min(cols, q.n-i*cols)
	q.columnTask(&d.own[worker])
}

func (p *product) columnTask(w *workspace) {
	g := p.tiles
	w.panels = buffer.Grow(w.panels, g.Padded(p.n)*p.words(p.kc))
	for k := 0; k < p.k; k += p.kc {
		kc := min(p.kc, p.k-k)
		for j := 0; j < p.n; j += g.Wide {
			p.packPanel(w, w.panels, j, k, k+kc)
		}
		for from := 0; from < p.m; from += maxStrips * g.Rows {
			to := min(from+maxStrips*g.Rows, p.m)
			a := p.gather(w, from, to, k, kc)
			for i := from; i < to; i += g.Rows {
				rows := min(g.Rows, to-i)
				p.strip(w, a.From(i-from, 0), i, rows, 0, p.n, k, kc, w.panels, p.words(kc), 0)
			}
		}
	}
}

// strip computes rows [i, i+rows) of columns [from, to) over block [k, k+kc), where a begins. The
// panel of column j is at packed[j*depth], and its row k is skip rows in.
func (p *product) strip(w *workspace, a A, i, rows, from, to, k, kc int, packed []float32,
	depth, skip int) {
	g := p.tiles
	words := p.words(kc)
	a = p.left(w, a, rows, kc)
	add := p.accumulate || k > 0
	for j := from; j < to; j += g.Wide {
		width := g.Width(p.n - j)
		b, c := Panel{packed[j*depth+skip*width:], width}, C{p.c.Data[i*p.c.Row+j:], p.c.Row}
		cols := min(width, p.n-j)
		if cols < width && !g.masks {
			g.tile(p.tile, rows, width, width, words, a, b, C{w.edge, width}, false)
			c.store(w.edge, rows, cols, width, add)
			continue
		}
		g.tile(p.tile, rows, width, cols, words, a, b, c, add)
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

// gather returns rows [from, to) of block k of a transposed A: where they lie, or copied if the
// addresses along k would all fall on the same few sets of a cache.
func (p *product) gather(w *workspace, from, to, k, kc int) A {
	a := p.a.From(from, k)
	if a.Data == nil || a.Row != 1 || a.Col%(pageFloats/2) != 0 || p.n <= p.tiles.Wide {
		return a
	}
	stride := (to-from+lineFloats-1)/lineFloats*lineFloats + lineFloats
	w.block = buffer.Grow(w.block, kc*stride)
	for x := range kc {
		copy(w.block[x*stride:], a.Data[x*a.Col:][:to-from])
	}
	return A{Data: w.block, Row: 1, Col: stride}
}

// left returns the first rows of a block of A as the tiles take them: where they lie, or copied if
// their addresses would all fall on the same few sets of a first-level cache.
func (p *product) left(w *workspace, a A, rows, kc int) A {
	switch {
	case p.pair == 2:
		return p.pairs(w, a, rows, kc)
	case p.brain || a.Data == nil:
		return p.rounded(w, a, rows, kc)
	case a.Col != 1 || a.Row%pageFloats != 0 || p.n <= p.tiles.Wide:
		return a
	}
	stride := kc + lineFloats
	w.rows = buffer.Grow(w.rows, p.tiles.Rows*stride)
	for r := range rows {
		copy(w.rows[r*stride:], a.Data[r*a.Row:][:kc])
	}
	return A{Data: w.rows, Row: stride, Col: 1}
}

const (
	// pageFloats is the distance at which addresses share a set of a first-level cache.
	pageFloats = 1024
	lineFloats = 16
)

// run runs a task n times, on all threads unless the product is small.
func (p *product) run(n int, t *parallel.Task) {
	if p.m*p.n*p.k > serial {
		p.pool.RunTask(n, t)
		return
	}
	inTurn(n, t)
}

// inTurn is Pool.RunTask on the calling worker alone.
func inTurn(n int, t *parallel.Task) {
	for i := range n {
		t.Do(0, i)
	}
}
