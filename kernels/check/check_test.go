package check

import (
	"strings"
	"testing"

	"longlora/kernels"
)

func f32(shape ...int) kernels.Tensor { return kernels.NewTensor(nil, 0, kernels.F32, shape...) }
func i32(shape ...int) kernels.Tensor { return kernels.NewTensor(nil, 0, kernels.I32, shape...) }

func dense(out, in int) kernels.Linear {
	return kernels.Linear{W: kernels.Dense{Tensor: f32(out, in)}}
}

func adapted(a, b kernels.Tensor) kernels.Linear {
	l := dense(5, 4)
	l.A, l.B = a, b
	return l
}

func groups(offset int, gs ...kernels.HeadGroup) kernels.Segments {
	return kernels.Segments{Groups: gs, Offset: offset}
}

// none is an absent operand.
var none kernels.Tensor

// TestGoodOperandsPass has every check accept what its operator takes.
func TestGoodOperandsPass(t *testing.T) {
	q, k := f32(3, 4, 2), f32(5, 2, 2)
	s := groups(2, kernels.HeadGroup{From: 0, To: 4, Bounds: []int32{0, 1, 5}})
	Floats("Write", f32(2, 3), 6)
	WriteInts(i32(3), 3)
	Copy(f32(2), kernels.NewTensor(nil, 0, kernels.BF16, 2))
	Add(f32(2), f32(2))
	Scale(f32(2))
	Embedding(f32(3, 4), f32(9, 4), i32(3))
	EmbeddingGrad(f32(9, 4), f32(3, 4), i32(3))
	RMSNorm(f32(3, 4), f32(3), f32(3, 4), f32(4))
	RMSNormGrad(f32(3, 4), none, f32(3, 4), f32(3, 4), f32(4), f32(3))
	RoPE(f32(3, 2, 4), f32(9, 2), f32(9, 2), i32(3))
	Linear(f32(3, 5), f32(3, 8).Slice(1, 0, 4), adapted(f32(2, 4), f32(5, 2)), f32(3, 2))
	LinearGrad(none, kernels.LinearGrad{}, f32(3, 5), f32(3, 4), dense(5, 4), none)
	Attention(q, f32(4, 3), q, k, k, s)
	AttentionGrad(q, k, k, q, q, f32(4, 3), q, k, k, s)
	SwiGLU(f32(3, 4), f32(3, 4), f32(3, 4))
	SwiGLUGrad(f32(3, 4), f32(3, 4), f32(3, 4), f32(3, 4), f32(3, 4))
	CrossEntropy(f32(3), none, none, f32(3, 4), dense(9, 4), i32(3), none)
	SumSquares([]kernels.Tensor{f32(3), f32(2, 2)})
	AdamW(f32(3), f32(3), f32(3), f32(3), kernels.AdamWStep{Step: 1})
	Indices("Embedding", "token", []int32{0, 8}, 9)
	Targets("CrossEntropy", []int32{-1, 8}, 9)
}

func TestBadOperandsPanic(t *testing.T) {
	q, k, x, y := f32(3, 4, 2), f32(5, 2, 2), f32(3, 4), f32(3, 5)
	a, b, beyond := f32(2, 4), f32(5, 2), []int32{0, 9}
	late := kernels.HeadGroup{From: 1, To: 4, Bounds: []int32{0, 5}}
	attend := func(s kernels.Segments) func() {
		return func() { Attention(q, f32(4, 3), q, k, k, s) }
	}
	all := func(bounds ...int32) kernels.HeadGroup {
		return kernels.HeadGroup{From: 0, To: 4, Bounds: bounds}
	}
	for want, f := range map[string]func(){
		"Read: 5 values for f32[2 3]":   func() { Floats("Read", f32(2, 3), 5) },
		"Write: tensor is i32[2]":       func() { Floats("Write", i32(2), 2) },
		"WriteInts: 2 values for i32":   func() { WriteInts(i32(3), 2) },
		"Copy: src is f32[3], want [2]": func() { Copy(f32(2), f32(3)) },
		"Add: src is absent":            func() { Add(f32(2), none) },
		"Embedding: y is f32[3 5]":      func() { Embedding(f32(3, 5), f32(9, 4), i32(3)) },
		"Embedding: ids is f32[3]":      func() { Embedding(f32(3, 4), f32(9, 4), f32(3)) },
		"Embedding: token 9 at 1":       func() { Indices("Embedding", "token", beyond, 9) },
		"RMSNorm: w is f32[3], want":    func() { RMSNorm(x, f32(3), x, f32(3)) },
		"RoPE: x is f32[3 2 3]":         func() { RoPE(f32(3, 2, 3), f32(9, 1), f32(9, 1), i32(3)) },
		"Linear: u is absent":           func() { Linear(y, x, adapted(a, b), none) },
		"Linear: A is f32[2 4], B is":   func() { Linear(y, x, adapted(a, none), none) },
		"LinearGrad: dW is f32[4 5]": func() {
			LinearGrad(none, kernels.LinearGrad{DW: f32(4, 5)}, y, x, dense(5, 4), none)
		},
		"Attention: 3 queries after 3 keys, but 5":    attend(groups(3, all(0, 5))),
		"Attention: head groups cover 0 heads":        attend(groups(0)),
		"Attention: bounds of heads [0, 4) do not":    attend(groups(0, all(0, 4))),
		"Attention: bound 1 is 3, then 3":             attend(groups(0, all(0, 3, 3, 5))),
		"Attention: head group [1, 4) follows head 0": attend(groups(0, late)),
		"CrossEntropy: dw is wanted without dh": func() {
			CrossEntropy(f32(3), none, f32(9, 4), x, dense(9, 4), i32(3), none)
		},
		"CrossEntropy: target 9 at 0": func() { Targets("CrossEntropy", []int32{9}, 9) },
		"AdamW: step is 0":            func() { AdamW(x, x, x, x, kernels.AdamWStep{}) },
	} {
		if got := message(f); !strings.HasPrefix(got, want) {
			t.Errorf("panic %q, want one that begins %q", got, want)
		}
	}
}

func message(f func()) (text string) {
	defer func() { text, _ = recover().(string) }()
	f()
	return ""
}
