package inspect

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"longlora/trainer/hf"
)

// Write writes the report for a reader's eyes, a fact a line.
func (r *Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) // Flush tells of errors
	}
	line(r.Kind, "%s", r.Name)
	r.writeShape(line)
	line("parameters", "%d", r.Parameters)
	for _, g := range r.Groups {
		line("  "+string(g.Name), "%d in %d tensors", g.Parameters, g.Tensors)
	}
	for _, s := range r.Types {
		line("stored as "+string(s.DType), "%d tensors, %d bytes", s.Tensors, s.Bytes)
	}
	if r.Kind == "model" {
		line("tokenizer", "%s", map[bool]string{true: "tokenizer.json", false: "none"}[r.Tokenizer])
	}
	if a := r.Adapter; a != nil {
		line("base", "%s", a.Base)
		line("LoRA", "rank %d, alpha %g, on %s", a.Rank, a.Alpha, strings.Join(a.Targets, ", "))
		line("trained in full", "%s", strings.Join(a.Full, ", "))
	}
	if r.Notes != nil {
		writeNotes(r.Notes, line)
	}
	return t.Flush()
}

func (r *Report) writeShape(line func(name, format string, args ...any)) {
	if r.Shape == nil {
		line("base config", "not in the folder: the context is the base's")
		return
	}
	s := r.Shape
	head := map[bool]string{true: "tied to the embedding", false: "its own"}[s.Tied]
	line("layers", "%d of %d, inner %d", s.Layers, s.Hidden, s.FFN)
	line("heads", "%d of %d, %d for keys and values", s.Heads, s.HeadDim, s.KVHeads)
	line("vocabulary", "%d, head %s", s.Vocab, head)
	line("context", "%d tokens, originally %d", r.Context, r.RoPE.Original)
	line("RoPE", "%s, theta %g, factor %g", r.RoPE.Kind, r.RoPE.Theta, r.RoPE.Factor)
}

func writeNotes(n *hf.Notes, line func(name, format string, args ...any)) {
	for _, f := range []struct{ name, value string }{
		{"trained by", n.Method}, {"from", n.Base}, {"attention", n.Pattern}, {"dataset", n.Dataset},
		{"tokenizer digest", n.Tokenizer}, {"arithmetic", n.Backend},
	} {
		if f.value != "" {
			line(f.name, "%s", f.value)
		}
	}
	if n.Attention != nil {
		line("attended by", "%s", n.Attention)
	}
	if n.Group > 0 {
		line("group", "%d tokens", n.Group)
	}
	if n.Steps > 0 {
		line("steps", "%d", n.Steps)
	}
}
