package export

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"longlora/internal/atomicfile"
	"longlora/trainer/hf"
	"longlora/trainer/merge"
	"longlora/trainer/model"
	"longlora/trainer/peft"
	"longlora/trainer/safetensors"
)

// toTransformers writes a merged folder.
func toTransformers(r Request) (Result, error) {
	return r.inDirectory(func(dir string, c *merge.Combined) (Result, error) {
		if _, err := merge.Fill(dir, r.Base, r.Adapter, r.mergeOptions()); err != nil {
			return Result{}, err
		}
		if err := checkTokenizer(os.DirFS(dir), c.Config.Model.Vocab); err != nil {
			return Result{}, err
		}
		return result(c, dir, fmt.Sprintf("AutoModelForCausalLM.from_pretrained(%q)", r.Out))
	})
}

// toPEFT writes an adapter folder.
func toPEFT(r Request) (Result, error) {
	if r.Adapter == nil {
		return Result{}, errors.New("there is no adapter; --for transformers writes a model alone")
	}
	if rows := r.Adapter.Vocab(); r.Adapter.Upstream && rows > r.Base.Stored() {
		return Result{}, fmt.Errorf("the adapter's embedding has %d rows, the base's %d: PEFT would not "+
			"load it over the base; --for vllm writes a base that fits", rows, r.Base.Stored())
	}
	return r.inDirectory(func(dir string, c *merge.Combined) (Result, error) {
		if err := r.writeAdapter(dir, c, r.Adapter.Base, func(string) bool { return true }); err != nil {
			return Result{}, err
		}
		out, err := result(c, dir, fmt.Sprintf("config = AutoConfig.from_pretrained(%q); PeftModel."+
			"from_pretrained(AutoModelForCausalLM.from_pretrained(BASE, config=config), %[1]q)", r.Out))
		out.Parts = r.parts()
		return out, err
	})
}

// toVLLM writes two folders: base, the base model with all that was trained in full and the rotary
// embedding, and adapter, LoRA alone, which is what servers load over a base.
func toVLLM(r Request) (Result, error) {
	if r.Adapter == nil {
		return Result{}, errors.New("there is no adapter; --for transformers writes a model that vLLM " +
			"serves alone")
	}
	if err := checkServed(r.Adapter.LoRA, r.Base.Config.Model); err != nil {
		return Result{}, err
	}
	return r.inDirectory(func(dir string, c *merge.Combined) (Result, error) {
		base, adapter := filepath.Join(dir, "base"), filepath.Join(dir, "adapter")
		if err := errors.Join(os.Mkdir(base, 0o777), os.Mkdir(adapter, 0o777)); err != nil {
			return Result{}, err
		}
		o := r.mergeOptions()
		o.WithoutLoRA = true
		if _, err := merge.Fill(base, r.Base, r.Adapter, o); err != nil {
			return Result{}, err
		}
		if err := checkTokenizer(os.DirFS(base), c.Config.Model.Vocab); err != nil {
			return Result{}, err
		}
		if err := r.writeAdapter(adapter, c, "../base", isLoRA); err != nil {
			return Result{}, err
		}
		return result(c, dir, fmt.Sprintf("vllm serve %s/base --enable-lora --max-lora-rank %d "+
			"--lora-modules long=%[1]s/adapter", r.Out, maxRank(r.Adapter.LoRA.MaxRank())))
	})
}

// maxRank returns the least value of vLLM's --max-lora-rank that admits a rank.
func maxRank(rank int) int {
	for _, n := range []int{8, 16, 32, 64, 128, 256, 320, 512} {
		if rank <= n {
			return n
		}
	}
	return rank
}

// isLoRA reports whether a tensor is part of LoRA alone. Rows of the embedding are the base's part.
func isLoRA(name string) bool {
	return model.IsAdapter(name) && !strings.HasSuffix(name, model.TokenRows)
}

// checkServed refuses adapters that vLLM does not serve, or would serve wrongly.
func checkServed(l model.LoRA, c model.Config) error {
	found, err := c.Adapters(&l)
	if err != nil {
		return err
	}
	what := ""
	switch {
	case l.DoRA:
		what = "DoRA"
	case len(l.Ranks)+len(l.Alphas) > 0:
		what = "ranks or alphas that differ between modules"
	}
	for _, name := range []string{c.EmbedName(), c.HeadName()} {
		module := strings.TrimSuffix(name, ".weight")
		if _, ok := found[module]; ok {
			what = "an adapter of " + module
		}
	}
	if what == "" {
		return nil
	}
	return fmt.Errorf("the adapter has %s, which vLLM does not serve as an adapter; --for transformers "+
		"writes a merged model that it does", what)
}

// inDirectory fills the output directory, which appears whole or not at all.
func (r Request) inDirectory(fill func(string, *merge.Combined) (Result, error)) (Result, error) {
	c, err := r.combine()
	if err != nil {
		return Result{}, err
	}
	dir, err := atomicfile.CreateDir(r.Out, r.Overwrite)
	if err != nil {
		return Result{}, err
	}
	defer dir.Abort() //nolint:errcheck // the first error is the one to tell
	out, err := fill(dir.Path(), c)
	if err != nil {
		return Result{}, err
	}
	return out, dir.Commit()
}

// writeAdapter writes those of the adapter's tensors that are wanted, and reads them again.
func (r Request) writeAdapter(dir string, c *merge.Combined, base string,
	wanted func(string) bool) error {
	d := safetensors.DType(r.Type)
	if d == "" {
		d = safetensors.F32
	}
	sums := map[string]merge.Checksum{}
	saved := peft.Saved{LoRA: r.Adapter.LoRA, Base: base, Config: c.Config, Notes: c.Notes}
	if !wanted(model.TokenRows) {
		saved.LoRA.EmbedTokens, saved.LoRA.HeadTokens = nil, nil
	}
	for _, t := range r.Adapter.Tensors() {
		tied := t.Group == model.GroupHead && c.Config.Model.Tied // written with the embedding
		if !wanted(t.Name) || tied {
			continue
		}
		saved.Tensors = append(saved.Tensors, safetensors.Tensor{Name: t.Name, Shape: t.Shape, DType: d,
			Load: func() ([]float32, error) {
				values, err := r.Adapter.Tensor(t.Name, t.Shape)
				for i, v := range values {
					values[i] = safetensors.Round(v, d)
				}
				sums[t.Name] = merge.Sum(values)
				return values, err
			}})
	}
	if err := peft.Write(dir, saved); err != nil {
		return err
	}
	if err := verifyAdapter(dir, c.Config, sums); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return nil
}

// verifyAdapter opens an adapter as any reader would and compares it with what was written.
func verifyAdapter(dir string, c hf.Config, sums map[string]merge.Checksum) (err error) {
	a, err := peft.Open(os.DirFS(dir), dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.Fit(c.Model); err != nil {
		return err
	}
	if a.Config == nil || a.Config.RoPE.Factor != c.RoPE.Factor || a.Config.RoPE.Kind != c.RoPE.Kind {
		return fmt.Errorf("the extension of RoPE, %s by %g, is lost", c.RoPE.Kind, c.RoPE.Factor)
	}
	for name := range sums {
		if !a.Has(name) {
			return fmt.Errorf("tensor %q %w", name, safetensors.ErrMissing)
		}
	}
	for _, t := range a.Tensors() {
		values, err := a.Tensor(t.Name, t.Shape)
		if err != nil {
			return err
		}
		if want, ok := sums[t.Name]; ok && merge.Sum(values) != want {
			return fmt.Errorf("tensor %q is not what was written; the disk may be failing", t.Name)
		}
	}
	return nil
}

// parts returns the sizes of the adapter's groups as they were read.
func (r Request) parts() []File {
	sizes := map[string]int64{}
	for _, t := range r.Adapter.Tensors() {
		d := t.DType
		if r.Type != "" {
			d = safetensors.DType(r.Type)
		}
		sizes[string(t.Group)] += int64(t.Len()) * d.Bits() / 8
	}
	var all []File
	for _, g := range append([]string{string(model.GroupLoRA)}, model.Groups()...) {
		if sizes[g] > 0 {
			all = append(all, File{g, sizes[g]})
		}
	}
	return all
}
