// Command measure times training steps for scripts/bench/cpu: one JSON question a line on standard
// input, one JSON answer a line on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"
)

// question asks for work with a model of a folder.
type question struct {
	// Work is step, the default: a training step with LoRA, embedding and norms trained, on a document
	// whose token at t is (t·7919 + 13) mod vocabulary, each token but the last with a target; or
	// products: those of a step by themselves; or decode: tokens chosen greedily one after another; or
	// streams: those of Streams sequences together; or prefill: their prompts read.
	Work      string `json:"work"`
	Model     string `json:"model"`
	Context   int    `json:"context"` // of decode, streams and prefill: the prompt's tokens
	Streams   int    `json:"streams"`
	Attention string `json:"attention"` // full or s2, of groups of a quarter of the context
	Engine    string `json:"engine"`    // native, the default, or gorgonia
	Precision string `json:"precision"` // f32 or bf16; of decode: how frozen matrices are stored
	Recompute bool   `json:"recompute"`
	Threads   int    `json:"threads"`
	Steps     int    `json:"steps"`   // or tokens; at least 1; all are one answer
	Profile   string `json:"profile"` // file that receives a CPU profile; "": none
}

// answer is the mean time of a step or a token, the last step's loss, the operations of all matrix
// products and attention of one gradient, or the decoded tokens.
type answer struct {
	Seconds float64 `json:"seconds"`
	Loss    float64 `json:"loss,omitempty"`
	FLOPs   float64 `json:"flops,omitempty"`
	Tokens  []int32 `json:"tokens,omitempty"`
	PeakKiB int64   `json:"peak_kib"` // of the process, so far
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// serve keeps the models of all questions, so that a repeated one finds its model warm.
func serve() (err error) {
	subjects := map[question]work{}
	defer func() {
		for _, s := range subjects {
			err = errors.Join(err, s.close())
		}
	}()
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			return err
		}
		steps, profile := max(q.Steps, 1), q.Profile
		q.Steps, q.Profile = 0, ""
		if subjects[q] == nil {
			if subjects[q], err = prepare(q); err != nil {
				return err
			}
		}
		a, err := measure(subjects[q], steps, profile)
		if err != nil {
			return err
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

// work is something to be timed: do does it so many times, and fills in what a is to say beside.
type work interface {
	do(times int, a *answer) error
	close() error
}

func prepare(q question) (work, error) {
	switch q.Work {
	case "", "step":
		return openStep(q)
	case "products":
		return openProducts(q)
	case "decode":
		return openDecode(q)
	case "streams", "prefill":
		return openStreams(q)
	}
	return nil, fmt.Errorf("no work %q", q.Work)
}

func measure(w work, times int, profile string) (a answer, err error) {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return a, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return a, err
		}
		defer pprof.StopCPUProfile()
	}
	begun := time.Now()
	if err := w.do(times, &a); err != nil {
		return a, err
	}
	a.Seconds = time.Since(begun).Seconds() / float64(times)
	a.PeakKiB, err = peak()
	return a, err
}

// peak is the process's greatest resident memory so far.
func peak() (int64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(in.Text(), "VmHWM: %d kB", &kib); n == 1 {
			return kib, nil
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}
