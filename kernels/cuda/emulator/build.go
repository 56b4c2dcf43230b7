package emulator

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The variables that name the libraries that package driver loads.
const (
	driverVariable = "LONGLORA_CUDA_DRIVER"
	blasVariable   = "LONGLORA_CUBLASLT"
)

// Main runs a package's tests with the emulator as driver: it builds the library and starts the
// test binary again, since the driver is loaded before any code of Go runs.
func Main(m *testing.M) {
	if os.Getenv(driverVariable) != "" {
		os.Exit(m.Run())
	}
	library, err := Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "emulator:", err)
		os.Exit(1)
	}
	c := exec.Command(os.Args[0], os.Args[1:]...)
	c.Env = append(os.Environ(), driverVariable+"="+library, blasVariable+"="+library)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			fmt.Fprintln(os.Stderr, "emulator:", err)
		}
		os.Exit(1)
	}
	os.Exit(0)
}

// kernels is the folder of module kernels.
func kernels() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Sources returns the kernels' source files, in order of their names.
func Sources() ([]string, error) {
	direct, err := filepath.Glob(filepath.Join(kernels(), "*", "*.cu"))
	if err != nil {
		return nil, err
	}
	own, err := filepath.Glob(filepath.Join(kernels(), "cuda", "source", "*.cu"))
	all := append(direct, own...)
	slices.Sort(all)
	return all, err
}

// flags are g++'s: no contraction of products and sums, so that results do not depend on its
// version.
var flags = []string{"-std=c++20", "-O2", "-fPIC", "-shared", "-DEMULATOR", "-ffp-contract=off",
	"-fvisibility=default", "-fno-gnu-unique", "-x", "c++"}

// Build compiles the library, unless it is there from before, and returns its path. It needs g++.
func Build() (string, error) {
	sources, err := Sources()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(kernels(), "cuda")
	own, err := filepath.Glob(filepath.Join(folder, "emulator", "source", "*.cpp"))
	if err != nil {
		return "", err
	}
	headers, err := filepath.Glob(filepath.Join(folder, "*ource", "*.cuh"))
	if err != nil {
		return "", err
	}
	more, err := filepath.Glob(filepath.Join(folder, "emulator", "source", "*.h"))
	if err != nil {
		return "", err
	}
	sources = append(sources, own...)
	sum, err := digest(slices.Concat(sources, headers, more))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	library := filepath.Join(cache, "longlora-emulator", sum, "libcuda.so.1")
	if _, err := os.Stat(library); err == nil {
		return library, nil
	}
	return library, compile(library, sources)
}

func digest(files []string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOARCH, flags)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, filepath.Base(f), len(text))
		h.Write(text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:12]), nil
}

// compile writes the library under another name first: packages' tests run side by side.
func compile(library string, sources []string) error {
	if err := os.MkdirAll(filepath.Dir(library), 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(library), "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	args := append(slices.Clone(flags), "-o", f.Name())
	out, err := exec.Command("g++", append(args, sources...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("g++: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return os.Rename(f.Name(), library)
}
