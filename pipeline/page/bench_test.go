//go:build unix

package page

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkFiles reads the files that the file $FILES lists, and reports the processor's time for them
// instead of the clock's, so that what else the machine does counts for less.
func BenchmarkFiles(b *testing.B) {
	list, err := os.ReadFile(os.Getenv("FILES"))
	if err != nil {
		b.Skip("FILES names no list of files")
	}
	for b.Loop() {
		before := processorTime()
		for _, name := range strings.Fields(string(list)) {
			data, err := os.ReadFile(name)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := Read(data); err != nil && !errors.Is(err, ErrNoText) {
				b.Error(name, err)
			}
		}
		b.ReportMetric(float64(processorTime()-before), "ns/op")
	}
}

// processorTime is the process's, in nanoseconds.
func processorTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
