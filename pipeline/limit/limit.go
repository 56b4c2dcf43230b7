// Package limit bounds what a build may lose, so that a bad input fails it instead of thinning out
// the data.
package limit

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Limit is the greatest number or part of things that may be lost. The zero Limit allows none. It is
// a pflag.Value.
type Limit struct {
	share float64 // of all; used if count is 0
	count int64
}

// Share returns a limit of a part in [0, 1] of all.
func Share(s float64) Limit { return Limit{share: s} }

// Set reads a number, as 12, or a percentage, as 1%.
func (l *Limit) Set(s string) error {
	if number, ok := strings.CutSuffix(s, "%"); ok {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || !(v >= 0 && v <= 100) {
			return fmt.Errorf("limit %q is no percentage from 0%% to 100%%", s)
		}
		*l = Limit{share: v / 100}
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("limit %q is neither a number, as 12, nor a percentage, as 1%%", s)
	}
	*l = Limit{count: n}
	return nil
}

// String is what Set reads.
func (l Limit) String() string {
	if l.count > 0 || l.share == 0 {
		return strconv.FormatInt(l.count, 10)
	}
	return strconv.FormatFloat(100*l.share, 'g', -1, 64) + "%"
}

// Type is the name of the value in a command's usage.
func (l Limit) Type() string { return "N|N%" }

// Check returns an error if n of all are more than the limit. what continues a number, as "inputs
// were dropped"; reasons says how often which reason was given; option is what sets the limit.
func (l Limit) Check(what, option string, n, all int64, reasons map[string]int64) error {
	most := l.count
	if most == 0 {
		most = int64(l.share * float64(all))
	}
	if n <= most {
		return nil
	}
	return fmt.Errorf("%d of %d %s (%s), and the limit is %s; with a higher %s, "+
		"reject/rejected.jsonl names each", n, all, what, Reasons(reasons), l, option)
}

// Reasons lists reasons with their counts, the most frequent first.
func Reasons(counts map[string]int64) string {
	names := make([]string, 0, len(counts))
	for n := range counts {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		if counts[names[i]] != counts[names[j]] {
			return counts[names[i]] > counts[names[j]]
		}
		return names[i] < names[j]
	})
	for i, n := range names {
		names[i] = fmt.Sprintf("%s: %d", n, counts[n])
	}
	if len(names) == 0 {
		return "no reasons"
	}
	return strings.Join(names, ", ")
}
