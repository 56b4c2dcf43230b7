// Testgate reads `go test -json` on standard input, prints what a person wants to see of it, and
// decides whether the run passed. In CI (environment variable CI set) a skipped test fails the run
// unless its message names a missing GPU.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

type key struct{ pkg, test string }

// gate collects a run: the output of tests still to be judged, and the counts.
type gate struct {
	strict                  bool
	output                  map[key][]string
	passed, failed, skipped int
	offences                []string
}

func main() {
	g := gate{strict: os.Getenv("CI") != "", output: map[key][]string{}}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // not an event: a build's own words
			continue
		}
		g.take(e)
	}
	if err := in.Err(); err != nil {
		g.offences = append(g.offences, err.Error())
	}
	for _, o := range g.offences {
		fmt.Println(o)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", g.passed, g.failed, g.skipped)
	if g.failed > 0 || len(g.offences) > 0 || g.passed == 0 {
		os.Exit(1)
	}
}

func (g *gate) take(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "output", "build-output":
		g.output[k] = append(g.output[k], e.Output)
	case "pass", "fail", "skip":
		g.finish(k, e)
		delete(g.output, k)
	case "build-fail":
		g.offences = append(g.offences, "build failed: "+strings.Join(g.output[k], ""))
		delete(g.output, k)
	}
}

func (g *gate) finish(k key, e event) {
	text := strings.Join(g.output[k], "")
	if e.Test == "" {
		g.finishPackage(e, text)
		return
	}
	switch e.Action {
	case "pass":
		g.passed++
	case "fail":
		g.failed++
		fmt.Print(text)
	case "skip":
		g.skipped++
		fmt.Print(text)
		if g.strict && !strings.Contains(text, "GPU") {
			g.offences = append(g.offences,
				fmt.Sprintf("skipped in CI: %s %s (only a missing GPU may skip a test)", k.pkg, k.test))
		}
	}
}

func (g *gate) finishPackage(e event, text string) {
	if e.Action == "fail" {
		fmt.Print(text)
		g.offences = append(g.offences, "FAIL "+e.Package)
		return
	}
	if !strings.Contains(text, "[no test files]") && e.Action == "pass" {
		fmt.Printf("ok  \t%s\t%.2fs\n", e.Package, e.Elapsed)
	}
}
