// Package device turns the name of a device into the backend that computes on it.
package device

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/cuda"
	"longlora/kernels/cuda/driver"
)

// The names of devices, but cuda:N.
const (
	CPU  = "cpu"
	CUDA = "cuda"
	Auto = "auto"
)

// Choice is a device.
type Choice struct {
	// GPU says that it is a GPU, of number Index; else it is the CPU.
	GPU   bool
	Index int
}

// Check reports whether Parse reads a name.
func Check(name string) error {
	if name == Auto {
		return nil
	}
	_, err := Parse(name)
	return err
}

// Parse reads "cpu", "cuda", "cuda:N" or "auto". The latter is the first GPU that
// trains, if there is one.
func Parse(name string) (Choice, error) {
	switch name {
	case CPU:
		return Choice{}, nil
	case CUDA:
		return Choice{GPU: true}, nil
	case Auto:
		all, err := driver.Devices()
		if err != nil {
			return Choice{}, nil
		}
		first := slices.IndexFunc(all, driver.Info.Suits)
		return Choice{GPU: first >= 0, Index: max(first, 0)}, nil
	}
	if n, ok := strings.CutPrefix(name, CUDA+":"); ok {
		if index, err := strconv.Atoi(n); err == nil && index >= 0 {
			return Choice{GPU: true, Index: index}, nil
		}
	}
	return Choice{}, fmt.Errorf("device is %q, want cpu, cuda, cuda:N or auto", name)
}

// String is the name that Parse reads.
func (c Choice) String() string {
	if !c.GPU {
		return CPU
	}
	return fmt.Sprintf("%s:%d", CUDA, c.Index)
}

// Info describes a GPU, or says why there is none of its number.
func (c Choice) Info() (driver.Info, error) {
	all, err := driver.Devices()
	if err != nil {
		return driver.Info{}, fmt.Errorf("device %v: %w", c, err)
	}
	if c.Index >= len(all) {
		return driver.Info{}, fmt.Errorf("device %v: the last is cuda:%d", c, len(all)-1)
	}
	return all[c.Index], nil
}

// Open returns a backend on the device. memory is the most that may be taken of a GPU's, in bytes; 0:
// all. The options are the CPU's.
func (c Choice) Open(o cpu.Options, memory int64) (kernels.Backend, error) {
	if !c.GPU {
		return cpu.Open(o)
	}
	b, err := cuda.Open(cuda.Options{Device: c.Index, Memory: memory})
	if err != nil {
		return nil, err // and no pointer that is nil in it
	}
	return b, nil
}

// List prints the devices, one a line: the CPU's backend, and the GPUs or why there are none.
func List(w io.Writer) error {
	b, err := cpu.Open(cpu.Options{Threads: 1})
	if err != nil {
		return err
	}
	name := b.Name()
	if err := b.Close(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "cpu %s\n", name); err != nil {
		return err
	}
	all, err := driver.Devices()
	if err != nil {
		_, err = fmt.Fprintf(w, "no GPU: %v\n", err)
		return err
	}
	for _, d := range all {
		if _, err := fmt.Fprintln(w, d); err != nil {
			return err
		}
	}
	return nil
}
