package main

import (
	"strings"
	"testing"
)

func TestSkipsInCI(t *testing.T) {
	for _, c := range []struct {
		name, message string
		strict        bool
		want          int
	}{
		{"a missing GPU", "no GPU on this machine", true, 0},
		{"anything else", "no data folder", true, 1},
		{"outside CI", "no data folder", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := gate{strict: c.strict, output: map[key][]string{}}
			g.take(event{Action: "output", Package: "p", Test: "T", Output: c.message})
			g.take(event{Action: "skip", Package: "p", Test: "T"})
			if got := len(g.offences); got != c.want {
				t.Errorf("offences = %v, want %d", g.offences, c.want)
			}
		})
	}
}

func TestBuildFailureIsAnOffence(t *testing.T) {
	g := gate{output: map[key][]string{}}
	g.take(event{Action: "build-output", Output: "undefined: x\n"})
	g.take(event{Action: "build-fail"})
	if len(g.offences) != 1 || !strings.Contains(g.offences[0], "undefined: x") {
		t.Errorf("offences = %q, want the compiler's words", g.offences)
	}
}
