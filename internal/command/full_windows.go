package command

import (
	"errors"

	"golang.org/x/sys/windows"
)

func ignoreFileLimit() {}

// isFull reports an error that comes from want of space.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
