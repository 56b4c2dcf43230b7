//go:build unix

package command

import (
	"errors"
	"os/signal"

	"golang.org/x/sys/unix"
)

// ignoreFileLimit makes a write beyond the process's file size limit fail with EFBIG; by default the
// signal would end the process with a trace.
func ignoreFileLimit() { signal.Ignore(unix.SIGXFSZ) }

// isFull reports an error that comes from want of space.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
}
