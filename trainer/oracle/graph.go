package oracle

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Spec is the shape of a model and everything about it that is not a parameter.
type Spec struct {
	Layers, Hidden, Heads, KVHeads, HeadDim, FFN, Vocab int

	Eps       float64 // of every RMSNorm
	LoRAScale float64 // alpha / r
	Tied      bool    // the head is the embedding

	// Cos and Sin are [T, HeadDim/2]: the rotation of token t by its own position.
	Cos, Sin []float64
	// Sees reports whether the query at row i of a head sees the key at row j.
	Sees func(head, i, j int) bool
}

// Params holds tensors by their Hugging Face name, row-major; adapters by PEFT's, as
// "model.layers.0.self_attn.q_proj.lora_A.weight". A linear layer without lora_A has no adapter.
type Params map[string][]float64

// Result is a loss and the gradient of every parameter that the graph used.
type Result struct {
	Loss      float64
	Gradients Params
}

// hidden is the additive mask of a key that is not seen: exp of it is exactly 0 in float64.
const hidden = -1e30

// graph builds one model. The first error stays and turns later steps into no-ops.
type graph struct {
	*G.ExprGraph
	spec   Spec
	params Params
	tokens int
	nodes  map[string]*G.Node // parameters used
	inputs int
	err    error
}

// Gradients evaluates Σ weights[t]·(-log p(targets[t])) / Σ weights over the rows with a target
// (targets[t] >= 0) and derives it by every parameter.
func Gradients(s Spec, p Params, ids, targets []int32, weights []float64) (*Result, error) {
	g := newGraph(s, p, len(ids))
	return g.derive(g.model(ids, targets, weights))
}

// BlockGradients runs a single decoder layer (layer 0) on x [T, Hidden] and derives
// Σ upstream ⊙ output by every parameter; the gradient of x itself is named "x".
func BlockGradients(s Spec, p Params, x, upstream []float64) (*Result, error) {
	g := newGraph(s, p, len(x)/s.Hidden)
	in := g.input("x", x, g.tokens, s.Hidden)
	g.nodes["x"] = in
	out := g.layer(in, 0)
	weighted := g.do(func() (*G.Node, error) {
		return G.HadamardProd(out, g.constant(upstream, g.tokens, s.Hidden))
	})
	return g.derive(g.do(func() (*G.Node, error) { return G.Sum(weighted) }))
}

func newGraph(s Spec, p Params, tokens int) *graph {
	return &graph{
		ExprGraph: G.NewGraph(), spec: s, params: p, tokens: tokens, nodes: map[string]*G.Node{},
	}
}

// derive runs the graph and its derivative.
func (g *graph) derive(loss *G.Node) (*Result, error) {
	if g.err != nil {
		return nil, g.err
	}
	var names []string
	var by []*G.Node
	for name, n := range g.nodes {
		names, by = append(names, name), append(by, n)
	}
	gradients, err := G.Grad(loss, by...)
	if err != nil {
		return nil, fmt.Errorf("oracle: deriving: %w", err)
	}
	values := make([]G.Value, len(gradients))
	for i, n := range gradients {
		G.Read(n, &values[i])
	}
	r := &Result{Gradients: Params{}}
	if r.Loss, err = g.run(loss); err != nil {
		return nil, err
	}
	for i, name := range names {
		r.Gradients[name] = values[i].Data().([]float64)
	}
	return r, nil
}

// run evaluates the graph and returns the loss.
func (g *graph) run(loss *G.Node) (float64, error) {
	if g.err != nil {
		return 0, g.err
	}
	var value G.Value
	G.Read(loss, &value)
	vm := G.NewTapeMachine(g.ExprGraph)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		return 0, fmt.Errorf("oracle: running: %w", err)
	}
	return value.Data().(float64), nil
}

// model is the whole model and its loss.
func (g *graph) model(ids, targets []int32, weights []float64) *G.Node {
	x := g.embed(ids)
	for l := range g.spec.Layers {
		x = g.layer(x, l)
	}
	return g.loss(g.logits(x), targets, weights)
}

// do runs one graph step unless an earlier one failed.
func (g *graph) do(step func() (*G.Node, error)) *G.Node {
	if g.err != nil {
		return nil
	}
	n, err := step()
	if err != nil {
		g.err = fmt.Errorf("oracle: %w", err)
	}
	return n
}

func (g *graph) mul(a, b *G.Node) *G.Node {
	return g.do(func() (*G.Node, error) { return G.Mul(a, b) })
}

func (g *graph) add(a, b *G.Node) *G.Node {
	return g.do(func() (*G.Node, error) { return G.Add(a, b) })
}

func (g *graph) times(a, b *G.Node) *G.Node {
	return g.do(func() (*G.Node, error) { return G.HadamardProd(a, b) })
}

func (g *graph) transpose(a *G.Node) *G.Node {
	return g.do(func() (*G.Node, error) { return G.Transpose(a, 1, 0) })
}

func (g *graph) scale(a *G.Node, s float64) *G.Node {
	return g.do(func() (*G.Node, error) { return G.Mul(a, G.NewConstant(s)) })
}

// input makes a named node with a value.
func (g *graph) input(name string, v []float64, shape ...int) *G.Node {
	return g.do(func() (*G.Node, error) {
		if want := tensor.Shape(shape).TotalSize(); len(v) != want {
			return nil, fmt.Errorf("%s has %d values, shape %v wants %d", name, len(v), shape, want)
		}
		value := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(v))
		return G.NewTensor(g.ExprGraph, tensor.Float64, len(shape),
			G.WithShape(shape...), G.WithName(name), G.WithValue(value)), nil
	})
}

// constant makes an input under a name of its own.
func (g *graph) constant(v []float64, shape ...int) *G.Node {
	g.inputs++
	return g.input(fmt.Sprintf("constant %d", g.inputs), v, shape...)
}

// param returns the parameter's node, the same one at each use.
func (g *graph) param(name string, shape ...int) *G.Node {
	if n, ok := g.nodes[name]; ok {
		return n
	}
	v, ok := g.params[name]
	if !ok && g.err == nil {
		g.err = fmt.Errorf("oracle: parameter %s is missing", name)
	}
	n := g.input(name, append([]float64(nil), v...), shape...)
	g.nodes[name] = n
	return n
}

func (g *graph) embed(ids []int32) *G.Node {
	onehot := make([]float64, len(ids)*g.spec.Vocab)
	for t, id := range ids {
		onehot[t*g.spec.Vocab+int(id)] = 1
	}
	table := g.param("model.embed_tokens.weight", g.spec.Vocab, g.spec.Hidden)
	return g.mul(g.constant(onehot, len(ids), g.spec.Vocab), table)
}

func (g *graph) layer(x *G.Node, l int) *G.Node {
	s, prefix := g.spec, fmt.Sprintf("model.layers.%d.", l)
	h := g.norm(x, prefix+"input_layernorm.weight")
	o := g.attention(h, prefix+"self_attn.")
	x = g.add(x, o)
	h = g.norm(x, prefix+"post_attention_layernorm.weight")
	gate := g.linear(h, prefix+"mlp.gate_proj.", s.Hidden, s.FFN)
	up := g.linear(h, prefix+"mlp.up_proj.", s.Hidden, s.FFN)
	sigmoid := g.do(func() (*G.Node, error) { return G.Sigmoid(gate) })
	a := g.times(g.times(gate, sigmoid), up)
	return g.add(x, g.linear(a, prefix+"mlp.down_proj.", s.FFN, s.Hidden))
}

// norm is x / sqrt(mean(x²) + eps) · w.
func (g *graph) norm(x *G.Node, name string) *G.Node {
	w := g.param(name, g.spec.Hidden)
	return g.do(func() (*G.Node, error) {
		square, err := G.Square(x)
		if err != nil {
			return nil, err
		}
		mean, err := G.Mean(square, 1)
		if err != nil {
			return nil, err
		}
		shifted, err := G.Add(mean, G.NewConstant(g.spec.Eps))
		if err != nil {
			return nil, err
		}
		root, err := G.Sqrt(shifted)
		if err != nil {
			return nil, err
		}
		inverse, err := G.Inverse(root)
		if err != nil {
			return nil, err
		}
		y, err := G.BroadcastHadamardProd(x, inverse, nil, []byte{1})
		if err != nil {
			return nil, err
		}
		return G.BroadcastHadamardProd(y, w, nil, []byte{0})
	})
}

// linear is x Wᵀ, plus LoRAScale·(x Aᵀ) Bᵀ if the layer has an adapter.
func (g *graph) linear(x *G.Node, prefix string, in, out int) *G.Node {
	y := g.mul(x, g.transpose(g.param(prefix+"weight", out, in)))
	a, ok := g.params[prefix+"lora_A.weight"]
	if !ok {
		return y
	}
	rank := len(a) / in
	u := g.mul(x, g.transpose(g.param(prefix+"lora_A.weight", rank, in)))
	v := g.mul(u, g.transpose(g.param(prefix+"lora_B.weight", out, rank)))
	return g.add(y, g.scale(v, g.spec.LoRAScale))
}

func (g *graph) attention(h *G.Node, prefix string) *G.Node {
	s := g.spec
	q := g.linear(h, prefix+"q_proj.", s.Hidden, s.Heads*s.HeadDim)
	k := g.linear(h, prefix+"k_proj.", s.Hidden, s.KVHeads*s.HeadDim)
	v := g.linear(h, prefix+"v_proj.", s.Hidden, s.KVHeads*s.HeadDim)
	var all *G.Node
	for head := range s.Heads {
		shared := head / (s.Heads / s.KVHeads)
		qh := g.rotate(g.mul(q, g.selector(head, s.Heads)))
		kh := g.rotate(g.mul(k, g.selector(shared, s.KVHeads)))
		vh := g.mul(v, g.selector(shared, s.KVHeads))
		scores := g.scale(g.mul(qh, g.transpose(kh)), 1/math.Sqrt(float64(s.HeadDim)))
		masked := g.add(scores, g.mask(head))
		p := g.do(func() (*G.Node, error) { return G.SoftMax(masked, 1) })
		o := g.mul(g.mul(p, vh), g.transpose(g.selector(head, s.Heads)))
		if all == nil {
			all = o
		} else {
			all = g.add(all, o)
		}
	}
	return g.linear(all, prefix+"o_proj.", s.Heads*s.HeadDim, s.Hidden)
}

// selector is the 0/1 matrix [heads·HeadDim, HeadDim] that picks one head's columns.
func (g *graph) selector(head, heads int) *G.Node {
	d := g.spec.HeadDim
	m := make([]float64, heads*d*d)
	for j := range d {
		m[(head*d+j)*d+j] = 1
	}
	return g.constant(m, heads*d, d)
}

// rotate is x ⊙ cos + (x R) ⊙ sin, where R maps the halves (a, b) to (-b, a).
func (g *graph) rotate(x *G.Node) *G.Node {
	d := g.spec.HeadDim
	half := d / 2
	r := make([]float64, d*d)
	cos, sin := make([]float64, g.tokens*d), make([]float64, g.tokens*d)
	for j := range half {
		r[(j+half)*d+j], r[j*d+j+half] = -1, 1
		for t := range g.tokens {
			c, s := g.spec.Cos[t*half+j], g.spec.Sin[t*half+j]
			cos[t*d+j], cos[t*d+j+half] = c, c
			sin[t*d+j], sin[t*d+j+half] = s, s
		}
	}
	turned := g.times(g.mul(x, g.constant(r, d, d)), g.constant(sin, g.tokens, d))
	return g.add(g.times(x, g.constant(cos, g.tokens, d)), turned)
}

func (g *graph) mask(head int) *G.Node {
	m := make([]float64, g.tokens*g.tokens)
	for i := range g.tokens {
		for j := range g.tokens {
			if !g.spec.Sees(head, i, j) {
				m[i*g.tokens+j] = hidden
			}
		}
	}
	return g.constant(m, g.tokens, g.tokens)
}

func (g *graph) logits(x *G.Node) *G.Node {
	h := g.norm(x, "model.norm.weight")
	name := "lm_head.weight"
	if g.spec.Tied {
		name = "model.embed_tokens.weight"
	}
	return g.mul(h, g.transpose(g.param(name, g.spec.Vocab, g.spec.Hidden)))
}

func (g *graph) loss(logits *G.Node, targets []int32, weights []float64) *G.Node {
	var total float64
	for t, target := range targets {
		if target >= 0 {
			total += weights[t]
		}
	}
	pick := make([]float64, len(targets)*g.spec.Vocab)
	for t, target := range targets {
		if target >= 0 {
			pick[t*g.spec.Vocab+int(target)] = -weights[t] / total
		}
	}
	logp := g.do(func() (*G.Node, error) { return G.LogSoftMax(logits, 1) })
	picked := g.times(g.constant(pick, len(targets), g.spec.Vocab), logp)
	return g.do(func() (*G.Node, error) { return G.Sum(picked) })
}
