package limit

import (
	"strings"
	"testing"
)

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		set    string
		n, all int64
		ok     bool
	}{
		{"0", 0, 10, true}, {"0", 1, 10, false}, {"3", 3, 10, true}, {"3", 4, 1000, false},
		{"1%", 1, 100, true}, {"1%", 1, 99, false}, {"0%", 1, 100, false}, {"100%", 7, 7, true},
		{"0.5%", 1, 200, true}, {"12.5%", 0, 0, true},
	} {
		var l Limit
		if err := l.Set(c.set); err != nil {
			t.Fatal(err)
		}
		err := l.Check("inputs were dropped", "--max-x", c.n, c.all, map[string]int64{"a": 1, "b": 2})
		if (err == nil) != c.ok {
			t.Errorf("%s: %d of %d: %v", c.set, c.n, c.all, err)
		}
		const want = "inputs were dropped (b: 2, a: 1), and the limit is "
		if err != nil && (!strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "with a higher --max-x, reject/rejected.jsonl names each")) {
			t.Errorf("got %v", err)
		}
		var again Limit
		if err := again.Set(l.String()); err != nil || again != l && c.set != "0%" {
			t.Errorf("%s is written %s, which is read as %v (%v)", c.set, l, again, err)
		}
	}
}

func TestSetErrors(t *testing.T) {
	for _, s := range []string{"", "%", "-1", "-1%", "101%", "NaN%", "1.5", "few"} {
		var l Limit
		if err := l.Set(s); err == nil {
			t.Errorf("limit %q is read as %v", s, l)
		}
	}
}
