package gemm

// Packed is a right operand as a driver's tiles take it, for products of some rows at a time.
type Packed struct {
	data []float32
	n, k int
}

// PackedSize returns the floats of a packed operand [k, n].
func (d *Driver) PackedSize(n, k int) int { return d.tiles.Padded(n) * d.words(k) }

// Pack packs b [k, n] to dst, on all threads.
func (d *Driver) Pack(dst []float32, b B, n, k int) Packed {
	p := Packed{dst[:d.PackedSize(n, k)], n, k}
	d.job = job{product: product{b: b}, to: p}
	panels := (n + d.tiles.Wide - 1) / d.tiles.Wide
	if n*k < serial/16 {
		inTurn(panels, &d.whole)
	} else {
		d.pool.RunTask(panels, &d.whole)
	}
	return p
}

// doWhole packs a panel of a Packed.
func (d *Driver) doWhole(worker, i int) {
	d.packColumnsOf(worker, d.job.to, d.job.b, i*d.tiles.Wide, 0, d.job.to.k)
}

// PackRows packs rows [from, to) of p's operand, of which b is the part that begins with row from,
// on the calling worker. from and to are even, or to is the last.
func (d *Driver) PackRows(worker int, p Packed, b B, from, to int) {
	for j := 0; j < p.n; j += d.tiles.Wide {
		d.packColumnsOf(worker, p, b, j, from, to)
	}
}

// Place returns the operand [k, n] that PackRows fills.
func (d *Driver) Place(dst []float32, n, k int) Packed {
	return Packed{dst[:d.PackedSize(n, k)], n, k}
}

// packColumnsOf packs rows [from, to) of the panel of column j.
func (d *Driver) packColumnsOf(worker int, p Packed, b B, j, from, to int) {
	width := d.tiles.Width(p.n - j)
	dst := p.data[j*d.words(p.k)+d.words(from)*width:]
	d.pack(&d.own[worker], dst, b.From(0, j), to-from, min(p.n-j, width), width)
}

// Rows computes m rows of c = a·b, or adds them to c, on the calling worker: many may run at once,
// each on a worker of its own.
func (d *Driver) Rows(worker int, c C, a A, b Packed, m int, accumulate bool) {
	p := d.product(c, a, m, b.n, b.k, accumulate)
	p.rowTask(&d.own[worker], b.data, 0, m)
}

// PackPanel packs columns [0, cols) and rows [0, k) of b as one panel of a width of the tiles, on
// the calling worker.
func (d *Driver) PackPanel(worker int, dst []float32, b B, k, cols, width int) {
	d.pack(&d.own[worker], dst, b, k, cols, width)
}

// JoinRows writes the words of rows 2i and 2i+1 of b [k, cols] to dst[i*row], for a driver of
// words; a missing last row is zero. Columns are neighbours. Up to fifteen words after a row become
// zero.
func (d *Driver) JoinRows(dst []float32, row int, b B, k, cols int) {
	for j := 0; j < cols; j += lanes {
		d.packColumns(dst[j:], b.From(0, j), k, min(cols-j, lanes), row)
	}
}

// JoinNeighbours writes rows of a [rows, k] as words of neighbours to dst[r*row], for a driver of
// words; the last one is half zero if k is odd.
func (d *Driver) JoinNeighbours(dst []float32, row int, a A, rows, k int) {
	d.packRows(dst, row, a.transposed(), k, rows)
}

// TileWords is Kernels.Tile over words of two brain floats, of which k is the number.
func (d *Driver) TileWords(rows, width, k int, a A, b Panel, c C, accumulate bool) {
	d.tiles.tile(d.tiles.brain, rows, width, width, k, a, b, c, accumulate)
}

// Words reports whether the tiles take brain floats as they are: left operands of brain floats then
// cost less than those of floats.
func (d *Driver) Words() bool { return d.pair == 2 }
