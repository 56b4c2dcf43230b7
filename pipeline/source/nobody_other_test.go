//go:build !linux

package source

import (
	"os"
	"testing"
)

// asNobody runs f; permissions are tested as they bind whoever runs the tests.
func asNobody(_ *testing.T, f func()) { f() }

// makePipe makes what is no regular file: a folder would be walked.
func makePipe(name string) error { return os.Symlink(os.DevNull, name) }
