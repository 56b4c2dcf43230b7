// Package npy writes NumPy's .npy files, version 1.0, of little-endian float32 in row-major order:
// numpy.lib.format describes them.
package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// magic begins a file: the name and version 1.0.
const magic = "\x93NUMPY\x01\x00"

// alignment of the data, in bytes.
const alignment = 64

// Writer writes one array, values in order.
type Writer struct {
	w      io.Writer
	left   int
	buffer []byte
}

// NewWriter writes the header of an array of the given shape, which has at least one axis.
func NewWriter(w io.Writer, shape ...int) (*Writer, error) {
	n, extents := 1, make([]string, len(shape))
	for i, s := range shape {
		n *= s
		extents[i] = fmt.Sprint(s)
	}
	tuple := "(" + strings.Join(extents, ", ") + ")"
	if len(shape) == 1 {
		tuple = "(" + extents[0] + ",)"
	}
	header := "{'descr': '<f4', 'fortran_order': False, 'shape': " + tuple + ", }"
	size := len(magic) + 2 + len(header) + 1
	header += strings.Repeat(" ", (alignment-size%alignment)%alignment) + "\n"
	out := binary.LittleEndian.AppendUint16([]byte(magic), uint16(len(header)))
	_, err := w.Write(append(out, header...))
	return &Writer{w: w, left: n}, err
}

// Write appends values.
func (w *Writer) Write(values []float32) error {
	if len(values) > w.left {
		return fmt.Errorf("npy: %d values more than the shape has", len(values)-w.left)
	}
	w.left -= len(values)
	w.buffer = w.buffer[:0]
	for _, v := range values {
		w.buffer = binary.LittleEndian.AppendUint32(w.buffer, math.Float32bits(v))
	}
	_, err := w.w.Write(w.buffer)
	return err
}

// Close reports whether values are missing. It does not close the file below.
func (w *Writer) Close() error {
	if w.left != 0 {
		return fmt.Errorf("npy: %d values less than the shape has", w.left)
	}
	return nil
}
