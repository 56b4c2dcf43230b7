package export

import "io"

// array writes a file that is one JSON array, an element a line.
type array struct{}

func (array) Begin(w io.Writer) error {
	_, err := io.WriteString(w, "[")
	return err
}

func (array) End(w io.Writer) error {
	_, err := io.WriteString(w, "\n]\n")
	return err
}

// element writes an element that has n before it.
func element(w io.Writer, n int64, v any) error {
	separator := ",\n"
	if n == 0 {
		separator = "\n"
	}
	if _, err := io.WriteString(w, separator); err != nil {
		return err
	}
	return encode(w, v)
}
