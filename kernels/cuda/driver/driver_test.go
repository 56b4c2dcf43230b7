//go:build gpu

package driver

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"longlora/kernels/cuda/emulator"
)

func TestMain(m *testing.M) { emulator.Main(m) }

// The memory and the compute capability that the emulator has at the start.
const (
	memory     = 2 << 30
	capability = 90
)

// restore gives the emulator's device back what a test took of it.
func restore(t *testing.T) {
	t.Cleanup(func() {
		emulator.SetDevice(1, capability, memory)
		emulator.Recover()
	})
}

func open(t *testing.T) *Device {
	t.Helper()
	d, err := Open(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestDevices(t *testing.T) {
	restore(t)
	emulator.SetDevice(2, 89, 24<<30)
	all, err := Devices()
	if err != nil || len(all) != 2 {
		t.Fatalf("devices are %v, error %v", all, err)
	}
	want := "cuda:1 Emulator, compute capability 8.9, 24.0 GiB of memory, 24.0 GiB free"
	if got := all[1].String(); got != want {
		t.Errorf("device is %q, want %q", got, want)
	}
}

func TestNoDevice(t *testing.T) {
	restore(t)
	emulator.SetDevice(0, capability, memory)
	if all, err := Devices(); err == nil || len(all) > 0 {
		t.Errorf("devices are %v without an error", all)
	}
	if _, err := Open(0); err == nil || !strings.Contains(err.Error(), "cuda:0") {
		t.Errorf("opening gives %v", err)
	}
}

// TestNoDriver starts this binary where there is no driver: it runs, and says that it has none.
func TestNoDriver(t *testing.T) {
	if os.Getenv("TRY_NO_DRIVER") != "" {
		all, err := Devices()
		if err == nil || len(all) > 0 || !strings.Contains(err.Error(), "no NVIDIA driver") {
			t.Fatalf("devices are %v, error %v", all, err)
		}
		return
	}
	c := exec.Command(os.Args[0], "-test.run=TestNoDriver$", "-test.v")
	c.Env = append(os.Environ(), "TRY_NO_DRIVER=1", "LONGLORA_CUDA_DRIVER=/nowhere/libcuda.so.1")
	out, err := c.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestOldCard(t *testing.T) {
	restore(t)
	emulator.SetDevice(1, 75, memory)
	if all, err := Devices(); err != nil || !strings.HasSuffix(all[0].String(), "8.0 is needed") {
		t.Errorf("devices are %v, error %v", all, err)
	}
	_, err := Open(0)
	if err == nil || !strings.Contains(err.Error(), "7.5: training needs 8.0") {
		t.Errorf("a card of compute capability 7.5 gives %v", err)
	}
}

// TestFailures lets one function of the driver fail after another; the text names what was tried.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		function string
		code     int
		want     string
	}{
		{"cuMemAlloc_v2", 2, "reserve 0.00 GiB on Emulator"},
		{"cuMemcpyHtoDAsync_v2", 700, "copy to the device"},
		{"cuMemcpyDtoHAsync_v2", 214, "copy from the device"},
		{"cuMemsetD8Async", 719, "clear memory"},
		{"cuStreamSynchronize", 719, "copy from the device"},
		{"cublasLtMatmul", 14, "matrix product"},
		{"cublasLtMatmulAlgoGetHeuristic", 15, "matrix product: plan 4 by 4 by 4"},
	} {
		t.Run(c.function, func(t *testing.T) {
			d := open(t)
			emulator.Fail(c.function, 1, c.code)
			defer emulator.Fail(c.function, 0, 0)
			err := useAll(d)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if err := d.Sync(); err != nil {
				t.Errorf("the error comes twice: %v", err)
			}
			if err := useAll(d); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// useAll clears, writes, multiplies and reads memory.
func useAll(d *Device) error {
	at, err := d.Alloc(128)
	if err != nil {
		return err
	}
	d.Clear(at, 128)
	d.Upload(at, []byte{0, 0, 128, 63}) // 1.0
	m := Matrix{Address: at, Rows: 4, Columns: 4, Stride: 4}
	c := m
	c.Address += 64
	d.Multiply(Product{A: m, B: m, C: c, Alpha: 2})
	got := make([]byte, 4)
	d.Download(got, c.Address)
	if err := d.Sync(); err != nil {
		_ = d.Free(at)
		return err
	}
	if !bytes.Equal(got, []byte{0, 0, 0, 64}) { // 2.0
		_ = d.Free(at)
		return os.ErrInvalid
	}
	return d.Free(at)
}

// TestLost: after a kernel's failure nothing runs, and every Sync says so.
func TestLost(t *testing.T) {
	restore(t)
	d := open(t)
	if err := d.Load(".target sm_80\n.visible .entry scale_f32(.param .u64 a, .param .u64 b,\n" +
		".param .u64 c, .param .u64 d, .param .f32 e)"); err != nil {
		t.Fatal(err)
	}
	d.Launch(Launch{Kernel: "scale_f32", Grid: [3]int{1, 1, 1}, Threads: 255,
		Args: []any{uint64(0), 0, 0, 0, float32(0)}})
	for range 2 {
		if err := d.Sync(); err == nil {
			t.Fatal("a kernel in a block of 255 threads is taken")
		}
	}
	emulator.Recover()
	if err := d.Sync(); err != nil {
		t.Error(err)
	}
}

func TestRefusedModules(t *testing.T) {
	restore(t)
	emulator.SetDevice(1, 80, memory)
	d := open(t)
	for _, ptx := range []string{"", ".target sm_90a\n"} {
		if err := d.Load(ptx); err == nil || !strings.Contains(err.Error(), "compile kernels") {
			t.Errorf("PTX %q gives %v", ptx, err)
		}
	}
	d.Launch(Launch{Kernel: "nothing", Grid: [3]int{1, 1, 1}, Threads: 32})
	if err := d.Sync(); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a kernel that is not there gives %v", err)
	}
}

// TestMemoryComesBack: everything that Open takes, Close gives back.
func TestMemoryComesBack(t *testing.T) {
	before := emulator.Calls("cuMemAlloc_v2") - emulator.Calls("cuMemFree_v2")
	retained := emulator.Calls("cuDevicePrimaryCtxRetain") -
		emulator.Calls("cuDevicePrimaryCtxRelease_v2")
	d, err := Open(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := useAll(d); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if n := emulator.Calls("cuMemAlloc_v2") - emulator.Calls("cuMemFree_v2"); n != before {
		t.Errorf("%d blocks of memory are left", n-before)
	}
	if n := emulator.Calls("cuDevicePrimaryCtxRetain") -
		emulator.Calls("cuDevicePrimaryCtxRelease_v2"); n != retained {
		t.Errorf("%d contexts are left", n-retained)
	}
}
