package gemm

import "longlora/kernels/buffer"

// Rows is a matrix in some code, by its rows.
type Rows interface {
	// Expand writes the elements of row i from element from on to all of dst. It may be called
	// concurrently.
	Expand(dst []float32, i, from int)
}

// Coded is a right operand in some code, which is expanded block by block on its way into panels:
// element (k, j) is that of row k and column j, or of row j and column k if it is Turned.
type Coded struct {
	Rows   Rows
	Turned bool
	k, j   int // of the first element
}

// from is B.From.
func (c Coded) from(k, j int) Coded {
	c.k, c.j = c.k+k, c.j+j
	return c
}

// codedK is the elements along k that are expanded at a time. It is even, as words of brain floats
// are.
const codedK = 512

// packCoded is pack for a coded operand.
func (d *Driver) packCoded(w *workspace, dst []float32, b B, k, cols, width int) {
	stride := codedK + lineFloats
	w.expanded = buffer.Grow(w.expanded, max(stride*cols, codedK*width))
	for from := 0; from < k; from += codedK {
		n, c := min(codedK, k-from), b.Coded.from(from, 0)
		plain := B{F32: w.expanded, Row: 1, Col: stride, Scale: b.Scale}
		if c.Turned {
			for j := range cols {
				c.Rows.Expand(w.expanded[j*stride:][:n], c.j+j, c.k)
			}
		} else {
			plain.Row, plain.Col = width, 1
			for i := range n {
				c.Rows.Expand(w.expanded[i*width:][:cols], c.k+i, c.j)
			}
		}
		d.pack(w, dst[d.words(from)*width:], plain, n, cols, width)
	}
}
