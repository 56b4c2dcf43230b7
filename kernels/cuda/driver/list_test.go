//go:build gpu

package driver

import (
	"bytes"
	"strings"
	"testing"

	"longlora/kernels/cuda/emulator"
)

// withCopies returns a device that has CopyKernel and the kernel that scales floats.
func withKernels(t *testing.T) *Device {
	t.Helper()
	d := open(t)
	if err := d.Load(".target sm_80\n" +
		".visible .entry copy_words(.param .u64 a, .param .u64 b, .param .u64 c)\n" +
		".visible .entry scale_f32(.param .u64 a, .param .u64 b, .param .u64 c, .param .u64 d, " +
		".param .f32 e)"); err != nil {
		t.Fatal(err)
	}
	return d
}

// step is a list: two floats go there, are multiplied by by, and come back.
func step(d *Device, at uint64, by float32, floats []byte) *Reading {
	d.Begin()
	d.Upload(at, floats)
	d.Launch(Launch{Kernel: "scale_f32", Grid: [3]int{1, 1, 1}, Threads: 256,
		Args: []any{at, 1, 2, 2, by}})
	r := d.ReadLater(at, 8)
	d.Submit()
	return r
}

var (
	one   = []byte{0, 0, 128, 63}
	two   = []byte{0, 0, 0, 64}
	four  = []byte{0, 0, 128, 64}
	eight = []byte{0, 0, 0, 65}
)

func floats(f ...[]byte) []byte { return bytes.Join(f, nil) }

func allocate(t *testing.T, d *Device, n int64) uint64 {
	t.Helper()
	at, err := d.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Free(at); err != nil {
			t.Error(err)
		}
	})
	return at
}

// TestLists: several lists are on their way at a time, each with what it was given; the third of a
// kind is a graph that is replayed, with other arguments; and none waits for anything.
func TestLists(t *testing.T) {
	d := withKernels(t)
	at := allocate(t, d, 64)
	in := [][]byte{floats(one, two), floats(two, one), floats(one, one), floats(four, two)}
	by := []float32{2, 4, 2, 0.5}
	want := [][]byte{floats(two, four), floats(eight, four), floats(two, two), floats(two, one)}
	var all []*Reading
	for i := range in {
		before := emulator.Calls("blocking") + emulator.Calls("waiting")
		all = append(all, step(d, at, by[i], in[i]))
		d.settle(func() {})
		if n := emulator.Calls("blocking") + emulator.Calls("waiting") - before; n > 4 || i > 1 && n > 2 {
			// For the memory that its results come to, and for uploads of two lists before.
			t.Errorf("list %d waits %d times", i, n)
		}
	}
	for i, r := range all {
		got := make([]byte, 8)
		if err := r.Wait(got); err != nil {
			t.Fatalf("%v: %s", err, emulator.Message())
		}
		if !bytes.Equal(got, want[i]) {
			t.Errorf("list %d gives %x, want %x", i, got, want[i])
		}
	}
	if c, r := d.Graphs(); c != 1 || r != 2 {
		t.Errorf("%d graphs, replayed %d times, want 1 and 2", c, r)
	}
	before := emulator.Calls("blocking")
	for range 3 {
		if err := step(d, at, 2, in[0]).Wait(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
	if n := emulator.Calls("blocking") - before; n > 0 {
		t.Errorf("steps whose memory is there block %d times", n)
	}
}

// TestCopiesAside: copies beside the kernels come after what is before them and before what awaits
// them, issued or replayed, as late as may be or as early.
func TestCopiesAside(t *testing.T) {
	defer emulator.SetOrder(emulator.Forward)
	for _, order := range emulator.Orders() {
		emulator.SetOrder(order)
		d := withKernels(t)
		at := allocate(t, d, 64)
		host, err := d.AllocHost(8)
		if err != nil {
			t.Fatal(err)
		}
		double := func() {
			d.Launch(Launch{Kernel: "scale_f32", Grid: [3]int{1, 1, 1}, Threads: 256,
				Args: []any{at, 1, 2, 2, float32(2)}})
		}
		for n := range 4 {
			d.Begin()
			d.Upload(at, floats(one, two))
			double()
			d.Await(d.CopyAside(host, at, 8, true)) // 2, 4
			double()
			double()
			d.Await(d.CopyAside(at, host, 8, false))
			double()
			r := d.ReadLater(at, 8)
			d.CopyAside(host, at, 8, true) // nobody awaits it, but the list's end
			d.Submit()
			got := make([]byte, 8)
			if err := r.Wait(got); err != nil {
				t.Fatal(err)
			}
			if want := floats(four, eight); !bytes.Equal(got, want) {
				t.Errorf("order %d, list %d gives %x, want %x", order, n, got, want)
			}
		}
		if c, r := d.Graphs(); c != 1 || r != 2 {
			t.Errorf("%d graphs, replayed %d times, want 1 and 2", c, r)
		}
		if err := d.FreeHost(host); err != nil {
			t.Error(err)
		}
	}
}

// TestManyShapes: graphs that are not used make room for others.
func TestManyShapes(t *testing.T) {
	d := withKernels(t)
	at := allocate(t, d, 1<<16)
	for range 3 {
		for n := range maxGraphs + 3 {
			d.Begin()
			d.Clear(at, int64(4*(n+1)))
			d.Submit()
		}
	}
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	if len(d.graphs) != maxGraphs {
		t.Errorf("%d graphs are kept, want %d", len(d.graphs), maxGraphs)
	}
}

// TestListFailures: what fails in a list is said by the one who reads from it, once; the device goes
// on.
func TestListFailures(t *testing.T) {
	for _, c := range []struct {
		function string
		call     int
		code     int
		want     string // "": the list goes without what failed
	}{
		{"cuMemHostAlloc", 1, 2, "pinned host memory: "},
		{"cuMemAlloc_v2", 1, 2, "reserve 0.00 GiB on Emulator"},
		{"cuMemcpyHtoDAsync_v2", 1, 700, "copy a batch to the device"},
		{"cuMemcpyDtoHAsync_v2", 1, 700, "copy from the device"},
		{"cuLaunchKernel", 2, 701, "scale_f32"},
		{"cuEventSynchronize", 2, 719, "wait for Emulator"},
		{"cuStreamBeginCapture_v2", 1, 801, ""},
		{"cuStreamGetCaptureInfo_v2", 1, 801, ""},
		{"cuStreamEndCapture", 1, 901, ""},
		{"cuGraphInstantiateWithFlags", 1, 2, ""},
	} {
		t.Run(c.function, func(t *testing.T) {
			d := withKernels(t)
			at := allocate(t, d, 64)
			emulator.Fail(c.function, c.call, c.code)
			defer emulator.Fail(c.function, 0, 0)
			failed := false
			for range 4 {
				got := make([]byte, 8)
				err := step(d, at, 2, floats(one, two)).Wait(got)
				switch {
				case err == nil && !bytes.Equal(got, floats(two, four)):
					t.Errorf("the list gives %x", got)
				case err != nil && (failed || c.want == "" || !strings.Contains(err.Error(), c.want)):
					t.Fatalf("error %v, want one with %q, once", err, c.want)
				case err != nil:
					failed = true
				}
			}
			if failed != (c.want != "") {
				t.Errorf("nothing failed, want %q", c.want)
			}
			if err := d.Sync(); err != nil {
				t.Errorf("the error comes twice: %v", err)
			}
		})
	}
}

// TestLostInAList: a kernel that breaks the device in a list is reported by the reading, and by every
// list after it.
func TestLostInAList(t *testing.T) {
	restore(t)
	d := withKernels(t)
	at := allocate(t, d, 64)
	d.Begin()
	d.Launch(Launch{Kernel: "scale_f32", Grid: [3]int{1, 1, 1}, Threads: 255, Args: []any{at, 1, 2, 2,
		float32(2)}})
	r := d.ReadLater(at, 8)
	d.Submit()
	for range 2 {
		if err := r.Wait(make([]byte, 8)); err == nil {
			t.Fatal("a list with a kernel in a block of 255 threads is taken")
		}
		r = step(d, at, 2, floats(one, two))
	}
	emulator.Recover()
	_ = d.Sync()
}
