// Package inspect tells what a model or adapter folder is.
package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

// Report is what a folder is.
type Report struct {
	// Kind is "model" or "adapter".
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Shape is the model's, or that of the adapter's base if its folder tells.
	Shape *model.Config `json:"shape,omitempty"`
	RoPE  *RoPE         `json:"rope,omitempty"`
	// Context is the number of positions that the weights are for, 0 if nothing tells.
	Context int `json:"context,omitempty"`
	// Parameters counts what is stored, a tied embedding once.
	Parameters int64   `json:"parameters"`
	Groups     []Group `json:"groups"`
	// Types lists the storage types.
	Types []Type `json:"types"`
	// Tokenizer tells whether the folder has one.
	Tokenizer bool     `json:"tokenizer"`
	Adapter   *Adapter `json:"adapter,omitempty"`
	// Notes is longlora.json, if there is one.
	Notes *hf.Notes `json:"longlora,omitempty"`
}

// RoPE is a rotary embedding in short.
type RoPE struct {
	Kind     rope.Kind `json:"kind"`
	Theta    float64   `json:"theta"`
	Factor   float64   `json:"factor"`
	Original int       `json:"original_context"`
}

// Group counts the parameters of one kind.
type Group struct {
	Name       model.Group `json:"name"`
	Tensors    int         `json:"tensors"`
	Parameters int64       `json:"parameters"`
}

// Type counts what is stored in one type.
type Type struct {
	DType   safetensors.DType `json:"dtype"`
	Tensors int               `json:"tensors"`
	Bytes   int64             `json:"bytes"`
}

// Adapter is what an adapter says of itself.
type Adapter struct {
	Base    string   `json:"base"`
	Rank    int      `json:"rank"`
	Alpha   float64  `json:"alpha"`
	Targets []string `json:"targets"`
	Full    []string `json:"trained_in_full"`
}

// Folder inspects the folder fsys, which is called name. Values are not read.
func Folder(fsys fs.FS, name string) (*Report, error) {
	r := &Report{Name: name}
	_, err := fs.Stat(fsys, "tokenizer.json")
	r.Tokenizer = err == nil
	switch {
	case peft.IsAdapter(fsys):
		err = r.adapter(fsys)
	case exists(fsys, hf.ConfigName):
		err = r.model(fsys)
	case exists(fsys, "manifest.json"):
		err = fmt.Errorf("inspect %s: this is a dataset; use pipeline stat", name)
	default:
		err = fmt.Errorf("inspect %s: neither a model (%s) nor an adapter (%s)", name, hf.ConfigName,
			peft.ConfigName)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

func (r *Report) model(fsys fs.FS) error {
	f, err := hf.Open(fsys, r.Name)
	if err != nil {
		return err
	}
	r.Kind = "model"
	r.describe(f.Config, f.Notes)
	r.Context = f.Context()
	for _, p := range model.Describe(f.Config.Model, model.Options{}) {
		d, err := f.DType(p.Name)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		r.count(p.Group, p.Len(), d)
	}
	return f.Close()
}

// describe fills in what config.json and longlora.json say.
func (r *Report) describe(c hf.Config, n hf.Notes) {
	r.Shape = &c.Model
	r.RoPE = &RoPE{c.RoPE.Kind, c.RoPE.Theta, c.RoPE.Factor, c.RoPE.Original}
	r.Context = c.RoPE.Max
	if n.Version > 0 {
		r.Notes = &n
		r.Context = n.Context
	}
}

// count adds a stored tensor of n elements.
func (r *Report) count(group model.Group, n int, d safetensors.DType) {
	r.Parameters += int64(n)
	g := slices.IndexFunc(r.Groups, func(g Group) bool { return g.Name == group })
	if g < 0 {
		g = len(r.Groups)
		r.Groups = append(r.Groups, Group{Name: group})
	}
	r.Groups[g].Tensors++
	r.Groups[g].Parameters += int64(n)
	t := slices.IndexFunc(r.Types, func(t Type) bool { return t.DType == d })
	if t < 0 {
		t = len(r.Types)
		r.Types = append(r.Types, Type{DType: d})
	}
	r.Types[t].Tensors++
	r.Types[t].Bytes += int64(n) * d.Bits() / 8
}

func (r *Report) adapter(fsys fs.FS) error {
	a, err := peft.Open(fsys, r.Name)
	if err != nil {
		return err
	}
	r.Kind = "adapter"
	tied := false
	if a.Config != nil {
		r.describe(*a.Config, a.Notes)
		tied = a.Config.Model.Tied
		err = a.Fit(a.Config.Model)
	}
	r.Adapter = &Adapter{a.Base, a.LoRA.Rank, a.LoRA.Alpha, a.LoRA.Targets, a.Train}
	for _, t := range a.Tensors() {
		if !tied || t.Group != model.GroupHead { // there it is the embedding again
			r.count(t.Group, t.Len(), t.DType)
		}
	}
	return errors.Join(err, a.Close())
}
