package npy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestWriter compares with the bytes that numpy 2.4 saves for
// numpy.array([[1, -2, 0.5], [3, 0, 1e10]], dtype="<f4").
func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][]float32{{1, -2, 0.5}, {3, 0, 1e10}} {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" +
		strings.Repeat(" ", 58) + "\n" +
		"\x00\x00\x80?\x00\x00\x00\xc0\x00\x00\x00?\x00\x00@@\x00\x00\x00\x00\xf9\x02\x15P"
	if got := out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestShapes(t *testing.T) {
	for _, shape := range [][]int{{7}, {1, 1, 1}, {123456, 32000}} {
		var out bytes.Buffer
		w, err := NewWriter(&out, shape...)
		if err != nil {
			t.Fatal(err)
		}
		if out.Len()%64 != 0 {
			t.Errorf("%v: data begins at %d", shape, out.Len())
		}
		text := strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ", "), "[]")
		if !strings.Contains(out.String(), "("+text) {
			t.Errorf("%v: header %q", shape, out.String())
		}
		if err := w.Close(); err == nil {
			t.Errorf("%v: missing values are not reported", shape)
		}
	}
}

func TestTooMany(t *testing.T) {
	w, err := NewWriter(&bytes.Buffer{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]float32{1, 2, 3}); err == nil {
		t.Error("three values fit into two")
	}
}
