package dataset

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, as a flag: 500MB, 32GiB, 1000000.
type Size int64

// units are the suffixes of sizes, the longer first.
var units = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// Set implements pflag.Value.
func (s *Size) Set(text string) error {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n*u.bytes >= 1 && n*u.bytes < math.MaxInt64) {
			return fmt.Errorf("%q is no size, as 500MB or 32GiB", text)
		}
		*s = Size(n * u.bytes)
		return nil
	}
	return nil
}

// String is the size in the largest unit that divides it.
func (s *Size) String() string {
	for i := 3; i >= 0; i-- {
		if n := int64(units[i].bytes); int64(*s) >= n && int64(*s)%n == 0 {
			return strconv.FormatInt(int64(*s)/n, 10) + units[i].suffix
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Type implements pflag.Value.
func (s *Size) Type() string { return "size" }
