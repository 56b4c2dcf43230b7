//go:build unix

package cli

import (
	"os"
	"strconv"
	"syscall"
)

// limitFiles makes writing beyond $TEST_FILE_LIMIT bytes of a file fail, as on a full disk.
func limitFiles() {
	n, err := strconv.ParseUint(os.Getenv("TEST_FILE_LIMIT"), 10, 64)
	if err != nil {
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
		panic(err)
	}
}
