package tensorboard

import (
	"bytes"
	"os"
	"testing"
)

// TestGolden holds a file against one of PyTorch's SummaryWriter (scripts/oracle/events.py).
func TestGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/events")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		step    int64
		seconds float64
		scalars []Scalar
	}{
		{1, 0.5, []Scalar{{"loss", 2.5}}}, {2, 1.25, []Scalar{{"loss", 1.75}, {"lr", 2e-5}}},
		{300, 99, []Scalar{{"validation/loss", 0.125}}},
	} {
		if err := w.Write(e.step, e.seconds, e.scalars); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("file\n%x, want\n%x", out.Bytes(), want)
	}
}
