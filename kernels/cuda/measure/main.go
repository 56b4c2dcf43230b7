//go:build gpu

// Measure times the operators of the CUDA backend on the GPU that is here, against what its hardware
// could do, and prints the figures as JSON. Half of the repetitions warm up.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"longlora/kernels"
	"longlora/kernels/cuda"
	"longlora/kernels/pattern"
)

// figure is a measurement. Peer and ratio are a peer's, null where there is none.
type figure struct {
	Name  string   `json:"name"`
	Ours  float64  `json:"ours"`
	Peer  *float64 `json:"peer"`
	Unit  string   `json:"unit"`
	Ratio *float64 `json:"ratio"`
}

type bench struct {
	b       *cuda.Backend
	arena   kernels.Arena
	repeat  int
	figures []figure
	failed  error // of what was timed
}

func main() {
	tokens := flag.Int("tokens", 8192, "tokens of a row")
	width := flag.Int("width", 4096, "size of the hidden state")
	ffn := flag.Int("ffn", 11008, "inner size of the MLP")
	repeat := flag.Int("repeat", 20, "repetitions")
	jit := flag.String("jit", "", "only open the device, and call the time jit_JIT_s: cold or warm")
	flag.Parse()
	if err := run(*tokens, *width, *ffn, *repeat, *jit); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(tokens, width, ffn, repeat int, jit string) error {
	start := time.Now()
	b, err := cuda.Open(cuda.Options{})
	if err != nil {
		return err
	}
	defer b.Close()
	m := &bench{b: b, repeat: repeat}
	all := []func(tokens, width, ffn int) error{m.products, m.adapters, m.attention, m.rows, m.copies}
	if jit != "" {
		m.add("jit_"+jit+"_s", time.Since(start).Seconds(), "s")
		all = nil
	}
	for _, f := range all {
		if err := f(tokens, width, ffn); err != nil {
			return err
		}
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"device": b.Info().String(), "figures": m.figures})
}

func (m *bench) add(name string, value float64, unit string) {
	m.figures = append(m.figures, figure{Name: name, Ours: value, Unit: unit})
}

// with gives f memory that is its own.
func (m *bench) with(bytes int64, f func()) error {
	a, err := m.b.NewArena(bytes + 1<<20)
	if err != nil {
		return err
	}
	m.arena = a
	f()
	m.sync()
	return errors.Join(m.failed, a.Close())
}

// sync waits for the device, and keeps what went wrong.
func (m *bench) sync() { m.failed = errors.Join(m.failed, m.b.Sync()) }

// act is a tensor of small values.
func (m *bench) act(shape ...int) kernels.Tensor { return m.filled(kernels.BF16, shape...) }

func (m *bench) filled(d kernels.DType, shape ...int) kernels.Tensor {
	t := m.arena.Alloc(d, shape...)
	values := make([]float32, t.Len())
	for i := range values {
		values[i] = float32(i%61-30) / 256
	}
	m.b.Write(t, values)
	return t
}

// seconds returns the time of one call of f.
func (m *bench) seconds(f func()) float64 {
	for range m.repeat {
		f()
	}
	m.sync()
	start := time.Now()
	for range m.repeat {
		f()
	}
	m.sync()
	return time.Since(start).Seconds() / float64(m.repeat)
}

// products times the model's linear layers.
func (m *bench) products(tokens, width, ffn int) error {
	var work, inverse float64 // the mean rate over equal shares of work
	for _, s := range []struct {
		name    string
		out, in int
	}{{"attention", width, width}, {"mlp_up", ffn, width}, {"mlp_down", width, ffn}} {
		bytes := 2 * int64(tokens*(s.in+s.out)+s.in*s.out)
		if err := m.with(bytes, func() {
			x, y := m.act(tokens, s.in), m.act(tokens, s.out)
			l := kernels.Linear{W: kernels.Dense{Tensor: m.act(s.out, s.in)}}
			t := m.seconds(func() { m.b.Linear(y, x, l, kernels.Tensor{}, false) })
			rate := 2 * float64(tokens) * float64(s.in) * float64(s.out) / t / 1e12
			m.add("gemm_tflops_"+s.name, rate, "TFLOP/s")
			work += 1
			inverse += 1 / rate
		}); err != nil {
			return err
		}
	}
	m.add("gemm_tflops", work/inverse, "TFLOP/s")
	return nil
}

// copies times the memory, counting what is read and what is written, and copies to the host and back.
func (m *bench) copies(tokens, width, _ int) error {
	return m.with(2*2*int64(tokens*width), func() {
		x, y := m.act(tokens, width), m.act(tokens, width)
		bytes := 2 * float64(tokens) * float64(width)
		m.add("memory_gbs", 2*bytes/m.seconds(func() { m.b.Copy(y, x) })/1e9, "GB/s")
		a, err := m.b.NewHostArena(2 * int64(tokens*width))
		if err != nil {
			m.failed = err
			return
		}
		h := a.Alloc(kernels.BF16, tokens, width)
		out := bytes / m.seconds(func() { m.b.CopyAside(h, x) })
		in := bytes / m.seconds(func() { m.b.CopyAside(y, h) })
		m.add("host_gbs_out", out/1e9, "GB/s")
		m.add("host_gbs_in", in/1e9, "GB/s")
		m.add("host_gbs", min(out, in)/1e9, "GB/s")
		m.failed = errors.Join(m.failed, a.Close())
	})
}

// adapters gives what a LoRA adapter of rank 8 adds to a layer's time.
func (m *bench) adapters(tokens, width, _ int) error {
	const rank = 8
	return m.with(2*int64(2*tokens*width+width*width)+4*int64(tokens*rank+2*width*rank), func() {
		x, y, u := m.act(tokens, width), m.act(tokens, width), m.filled(kernels.F32, tokens, rank)
		l := kernels.Linear{W: kernels.Dense{Tensor: m.act(width, width)}, Scale: 2}
		plain := m.seconds(func() { m.b.Linear(y, x, l, kernels.Tensor{}, false) })
		l.A, l.B = m.filled(kernels.F32, rank, width), m.filled(kernels.F32, width, rank)
		m.add("lora_share", m.seconds(func() { m.b.Linear(y, x, l, u, false) })/plain-1, "of the layer")
	})
}

// attention counts four and ten operations a pair of query and key and an element of a head.
func (m *bench) attention(tokens, width, _ int) error {
	const dim = 128
	heads := max(width/dim, 1)
	s := pattern.Full(pattern.Layout{DocLens: []int32{int32(tokens)}, Heads: heads})
	pairs := float64(tokens) * float64(tokens+1) / 2 * float64(heads)
	return m.with(2*int64(8*tokens*heads*dim)+4*int64(heads*tokens), func() {
		x := func() kernels.Tensor { return m.act(tokens, heads, dim) }
		q, k, v, o, do, dq, dk, dv := x(), x(), x(), x(), x(), x(), x(), x()
		lse := m.filled(kernels.F32, heads, tokens)
		t := m.seconds(func() { m.b.Attention(o, lse, q, k, v, s, 0.09) })
		m.add("attention_fwd_tflops", 4*pairs*dim/t/1e12, "TFLOP/s")
		t = m.seconds(func() { m.b.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, s, 0.09) })
		m.add("attention_bwd_tflops", 10*pairs*dim/t/1e12, "TFLOP/s")
	})
}

// rows times what memory bounds, as the traffic that it needs at least.
func (m *bench) rows(tokens, width, ffn int) error {
	return m.with(2*int64(3*tokens*ffn+2*tokens*width)+4*int64(tokens+width), func() {
		x, y := m.act(tokens, width), m.act(tokens, width)
		w, rstd := m.filled(kernels.F32, width), m.filled(kernels.F32, tokens)
		t := m.seconds(func() { m.b.RMSNorm(y, rstd, x, w, 1e-5) })
		m.add("rmsnorm_gbs", 4*float64(tokens*width)/t/1e9, "GB/s")
		gate, up, a := m.act(tokens, ffn), m.act(tokens, ffn), m.act(tokens, ffn)
		t = m.seconds(func() { m.b.SwiGLU(a, gate, up) })
		m.add("swiglu_gbs", 6*float64(tokens*ffn)/t/1e9, "GB/s")
	})
}
