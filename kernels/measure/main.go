// Measure times the kernels on the shapes of LLaMA models and prints JSON lines: matrix products
// against a loop of nothing but multiply-adds and against other libraries, attention, and the
// elementwise operators against the bandwidth of memory.
//
//	go run ./measure -peer "python3 ../scripts/bench/peer_products.py"
//
// A machine that others use too only ever makes things slower: every figure is the best of many
// repetitions, and what is compared is timed in turns.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"longlora/kernels/simd"
)

func main() {
	peer := flag.String("peer", "", "command that times other libraries; none: ourselves alone")
	seconds := flag.Float64("seconds", 0.4, "time for each measurement")
	rounds := flag.Int("rounds", 3, "turns that comparisons take")
	only := flag.String("only", "", "parts to run, comma-separated: product, peers, attention, rows")
	flag.Parse()
	m := &measure{rounds: *rounds, each: time.Duration(*seconds / float64(*rounds) * 1e9),
		out: json.NewEncoder(os.Stdout)}
	if err := m.run(*peer, strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// measure is one run of the command.
type measure struct {
	rounds int
	each   time.Duration // of a turn
	out    *json.Encoder
	peer   *peer // nil without
	err    error
}

// result is a line of output. Fields that do not apply are left out.
type result struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Work    string  `json:"work,omitempty"`
	Threads int     `json:"threads"`
	Tier    string  `json:"tier"`
	GFLOPs  float64 `json:"gflops,omitempty"`
	GBs     float64 `json:"gbs,omitempty"`
	Ms      float64 `json:"ms,omitempty"`
}

func (m *measure) run(command string, only []string) error {
	if command != "" {
		p, err := startPeer(command)
		if err != nil {
			return err
		}
		defer p.close()
		m.peer = p
	}
	for _, part := range []struct {
		name string
		run  func()
	}{{"product", m.products}, {"peers", m.productPeers}, {"attention", m.attention},
		{"rows", m.rows}} {
		if only[0] == "" || slices.Contains(only, part.name) {
			part.run()
		}
	}
	return m.err
}

func (m *measure) print(r result) {
	if m.err != nil {
		return
	}
	r.Tier = simd.Best().String()
	m.err = m.out.Encode(r)
}

// timed is a piece of work, or a peer's, and the best time that it took.
type timed struct {
	run  func()
	ask  *question // instead of run
	best time.Duration
}

// turns times all works one after the other, some rounds.
func (m *measure) turns(works ...*timed) {
	for range m.rounds {
		for _, w := range works {
			if m.err != nil {
				return
			}
			took := time.Duration(0)
			if w.ask != nil {
				took = m.ask(w.ask)
			} else {
				took = best(w.run, m.each)
			}
			if w.best == 0 || took < w.best {
				w.best = took
			}
		}
	}
}

// best returns the shortest time that f took, as often as it runs in about d and once more.
func best(f func(), d time.Duration) time.Duration {
	least := time.Duration(1 << 62)
	for start := time.Now(); time.Since(start) < d; {
		begin := time.Now()
		f()
		least = min(least, time.Since(begin))
	}
	return least
}
