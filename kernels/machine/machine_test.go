package machine

import (
	"testing"
	"unsafe"

	"longlora/kernels"
	"longlora/kernels/simd"
)

func TestArena(t *testing.T) {
	a, err := NewArena(1000)
	if err != nil {
		t.Fatal(err)
	}
	first := a.Alloc(kernels.BF16, 3)
	mark := a.Mark()
	second := a.Alloc(kernels.F32, 5, 7)
	third := a.Alloc(kernels.I32, 1)
	for _, p := range []unsafe.Pointer{unsafe.Pointer(&BF16(first)[0]),
		unsafe.Pointer(&F32(second)[0]), unsafe.Pointer(&I32(third)[0])} {
		if uintptr(p)%alignment != 0 {
			t.Errorf("a tensor begins at %p, not aligned", p)
		}
	}
	if len(BF16(first)) != 3 || len(F32(second)) != 35 || len(I32(third)) != 1 {
		t.Error("views have wrong lengths")
	}
	F32(second)[34], I32(third)[0] = 8, 9
	if got := F32(second.Slice(0, 4, 5).Slice(1, 6, 7))[0]; got != 8 {
		t.Errorf("the last element through a slice is %g, want 8", got)
	}
	if mark != alignment || a.Mark() != 64+192+64 {
		t.Errorf("heights are %d and %d, want 64 and 320", mark, a.Mark())
	}
	a.Release(mark)
	if again := a.Alloc(kernels.F32, 35); &F32(again)[0] != &F32(second)[0] {
		t.Error("released memory is not used again")
	}
	if a.Peak() != 320 {
		t.Errorf("peak is %d, want 320", a.Peak())
	}
}

func TestArenaRefuses(t *testing.T) {
	for _, size := range []int64{-1, maxSize + 1} {
		if _, err := NewArena(size); err == nil {
			t.Errorf("an arena of %d bytes is made", size)
		}
	}
}

func TestViewsAreTyped(t *testing.T) {
	a, _ := NewArena(64)
	x := a.Alloc(kernels.BF16, 2)
	defer func() {
		if recover() == nil {
			t.Error("brain floats are read as floats")
		}
	}()
	F32(x)
}

func TestRowsCoverEverything(t *testing.T) {
	m := New(3, simd.Portable)
	defer m.Close()
	for _, n := range []int{0, 1, 2, 100, 12345} {
		for _, work := range []int{0, 1, 1000, 1 << 20} {
			seen := make([]int, n)
			Rows(m, n, work, seen, func(seen *[]int, _, from, to int) {
				for i := from; i < to; i++ {
					(*seen)[i]++
				}
			})
			for i, times := range seen {
				if times != 1 {
					t.Fatalf("n=%d work=%d: row %d is done %d times", n, work, i, times)
				}
			}
		}
	}
}

func TestTier(t *testing.T) {
	t.Setenv(TierVariable, "portable")
	if got, err := Tier(); err != nil || got != simd.Portable {
		t.Errorf("tier is %v, %v, want portable", got, err)
	}
	t.Setenv(TierVariable, "mmx")
	if _, err := Tier(); err == nil {
		t.Error("an unknown tier is taken")
	}
}

// TestCallsAllocateNothing: neither by rows nor by tasks, with one thread or more.
func TestCallsAllocateNothing(t *testing.T) {
	for _, threads := range []int{1, 3} {
		m := New(threads, simd.Portable)
		out := make([]int32, 500)
		type call struct {
			out []int32
			by  int32
		}
		got := testing.AllocsPerRun(100, func() {
			Rows(m, len(out), 1<<12, call{out, 3}, func(c *call, _, from, to int) {
				for i := range c.out[from:to] {
					c.out[from+i] += c.by
				}
			})
			Tasks(m, len(out), 1<<20, out, func(out *[]int32, _, i int) { (*out)[i]++ })
		})
		if got != 0 {
			t.Errorf("%d threads: %g allocations", threads, got)
		}
		for i, v := range out {
			if v != 4*101 { // once more, to warm up
				t.Fatalf("%d threads: element %d is %d, want %d", threads, i, v, 4*101)
			}
		}
		m.Close()
	}
}
