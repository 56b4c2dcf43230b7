// Package goroot reads the Go toolchain's own tree as a corpus: its packages, as the files of one
// build, and its long texts. It needs nothing but the tree, which every machine with Go has.
//
// What is read depends on the tree and on the options alone: cgo is off, no GOEXPERIMENT is set,
// and the build is linux/amd64 unless another is asked for, whatever the machine is. Tests,
// testdata, vendored code and generated files are left out; the type checker gets the latter two by
// Build. Trees without doc/ (as the go command downloads them) have fewer texts and the same
// packages.
package goroot
