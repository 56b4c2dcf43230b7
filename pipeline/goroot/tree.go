package goroot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Options chooses the build whose files are read.
type Options struct {
	// GOOS and GOARCH are as the go command's; "" is linux and amd64.
	GOOS, GOARCH string
}

// Tree is an opened Go tree. Its methods may be called concurrently; what they return must not be
// changed.
type Tree struct {
	src, version string
	build        Options
	minor        int // of the language version: 26 for Go 1.26
	packages     []Package
	texts        []Text
}

// Find returns the root of the Go tree that the go command uses.
func Find(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if root := strings.TrimSpace(string(out)); err == nil && root != "" {
		return root, nil
	}
	return "", fmt.Errorf("find the Go tree: go env GOROOT: %w; install Go or name its root", err)
}

// Open reads the packages and texts of the Go tree at root.
func Open(root string, o Options) (*Tree, error) {
	t := &Tree{build: o}
	if t.build.GOOS == "" {
		t.build.GOOS = "linux"
	}
	if t.build.GOARCH == "" {
		t.build.GOARCH = "amd64"
	}
	if err := t.identify(root); err != nil {
		return nil, fmt.Errorf("read the Go tree %s: %w; name the root that 'go env GOROOT' prints",
			root, err)
	}
	var err error
	if t.packages, err = t.readPackages(); err == nil {
		t.texts, err = readTexts(root, t.src)
	}
	if err != nil {
		return nil, fmt.Errorf("read the Go tree %s: %w", root, err)
	}
	return t, nil
}

// Version is that of the tree, as "go1.26.0".
func (t *Tree) Version() string { return t.version }

// GOOS is the operating system of the build that was read.
func (t *Tree) GOOS() string { return t.build.GOOS }

// GOARCH is the architecture of the build that was read.
func (t *Tree) GOARCH() string { return t.build.GOARCH }

// Packages returns the packages of the standard library and of cmd, by import path.
func (t *Tree) Packages() []Package { return t.packages }

// Texts returns the long texts, by path.
func (t *Tree) Texts() []Text { return t.texts }

// languageVersion finds the version in src/go.mod.
var languageVersion = regexp.MustCompile(`(?m)^go 1\.(\d+)`)

func (t *Tree) identify(root string) error {
	version, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if err != nil {
		return err
	}
	line, _, _ := bytes.Cut(version, []byte("\n"))
	t.version = strings.TrimSpace(string(line))
	if t.version == "" {
		return errors.New("VERSION is empty")
	}
	if t.src, err = filepath.EvalSymlinks(filepath.Join(root, "src")); err != nil {
		return err
	}
	module, err := os.ReadFile(filepath.Join(t.src, "go.mod"))
	if err != nil {
		return err
	}
	m := languageVersion.FindSubmatch(module)
	if m == nil {
		return errors.New("src/go.mod has no line with a Go version")
	}
	t.minor, err = strconv.Atoi(string(m[1]))
	return err
}
