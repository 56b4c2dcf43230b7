package source

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// asNobody runs f as a user whom permissions bind, which they do not if the tests run as root: the
// thread's identity towards files is changed, not the process's.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const nobody = 65534
	must(t, syscall.Setfsuid(nobody))
	defer func() { must(t, syscall.Setfsuid(0)) }()
	f()
}

func makePipe(name string) error { return syscall.Mkfifo(name, 0o666) }
