package bf16

import (
	"math"
	"testing"
)

func TestRoundIsNearestEven(t *testing.T) {
	for _, c := range []struct{ bits, want uint32 }{
		{0x3f800000, 0x3f80}, // 1
		{0x3f808000, 0x3f80}, // a tie goes to the even neighbour, down
		{0x3f818000, 0x3f82}, // and up
		{0x3f808001, 0x3f81},
		{0x3f807fff, 0x3f80},
		{0x7f7fffff, 0x7f80}, // the greatest float rounds to infinity
		{0xff800000, 0xff80}, // -Inf
		{0x80000000, 0x8000}, // -0
		{0x7f800001, 0x7fc0}, // a NaN whose upper half alone would be infinity
	} {
		if got := Round(math.Float32frombits(c.bits)); uint32(got) != c.want {
			t.Errorf("%#x rounds to %#x, want %#x", c.bits, got, c.want)
		}
	}
}

func TestEveryBrainFloatSurvives(t *testing.T) {
	for b := range 1 << 16 {
		x := Float(uint16(b))
		if x != x {
			continue
		}
		if got := Round(x); got != uint16(b) {
			t.Fatalf("%#x becomes %#x", b, got)
		}
	}
}
