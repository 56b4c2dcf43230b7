// Package limits says what the system lets a process have: memory and processor cores, the
// machine's or those of the control groups that it is in, however deep.
package limits

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// System is where limits are read: the root of a file system with /proc and /sys of Linux.
type System struct{ Root fs.FS }

// Host is the system that the process runs on. Elsewhere than on Linux it knows no limit.
func Host() System { return System{os.DirFS("/")} }

// Memory returns the bytes that the process may take at most, math.MaxInt64 where nothing says.
func (s System) Memory() int64 {
	least := s.meminfo("MemTotal")
	for dir := range s.groups("memory") {
		least = min(least, s.number(dir, "memory.max"), s.number(dir, "memory.limit_in_bytes"))
	}
	return least
}

// Free returns the bytes that the process may still take without taking them from others,
// math.MaxInt64 where nothing says. Files that the system keeps in memory count as free.
func (s System) Free() int64 {
	least := s.meminfo("MemAvailable")
	for dir := range s.groups("memory") {
		limit := min(s.number(dir, "memory.max"), s.number(dir, "memory.limit_in_bytes"))
		used := min(s.number(dir, "memory.current"), s.number(dir, "memory.usage_in_bytes"))
		if limit == math.MaxInt64 || used == math.MaxInt64 {
			continue
		}
		least = min(least, max(0, limit-used+s.fileCache(dir)))
	}
	return least
}

// Cores returns the number of cores that the process has the time of, a part of one counted as one;
// at most those that it may run on.
func (s System) Cores() int {
	least := float64(runtime.NumCPU())
	for dir := range s.groups("cpu") {
		least = min(least, s.quota(dir))
	}
	return max(1, int(math.Ceil(least)))
}

// meminfo returns a line of /proc/meminfo in bytes.
func (s System) meminfo(name string) int64 {
	text, err := fs.ReadFile(s.Root, "proc/meminfo")
	if err != nil {
		return math.MaxInt64
	}
	return field(text, name+":", 1<<10)
}

// fileCache returns the bytes of a group's memory that hold files not used lately.
func (s System) fileCache(dir string) int64 {
	text, err := fs.ReadFile(s.Root, path.Join(dir, "memory.stat"))
	if err != nil {
		return 0
	}
	n := min(field(text, "inactive_file", 1), field(text, "total_inactive_file", 1))
	if n == math.MaxInt64 {
		return 0
	}
	return n
}

// field returns the number after a name at the begin of a line, times unit; math.MaxInt64 without
// one.
func field(text []byte, name string, unit int64) int64 {
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		words := strings.Fields(in.Text())
		if len(words) >= 2 && words[0] == name {
			if n, err := strconv.ParseInt(words[1], 10, 64); err == nil && n <= math.MaxInt64/unit {
				return n * unit
			}
		}
	}
	return math.MaxInt64
}

// number reads a file that holds a number of bytes; math.MaxInt64 where there is none, or no limit.
func (s System) number(dir, name string) int64 {
	text, err := fs.ReadFile(s.Root, path.Join(dir, name))
	if err != nil {
		return math.MaxInt64
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n < 0 {
		return math.MaxInt64
	}
	return n
}

// quota returns the cores that a group has the time of.
func (s System) quota(dir string) float64 {
	var quota, period float64
	if text, err := fs.ReadFile(s.Root, path.Join(dir, "cpu.max")); err == nil {
		if n, _ := fmt.Sscan(string(text), &quota, &period); n == 2 && quota > 0 && period > 0 {
			return quota / period
		}
		return math.Inf(1) // "max 100000"
	}
	q, p := s.number(dir, "cpu.cfs_quota_us"), s.number(dir, "cpu.cfs_period_us")
	if q == math.MaxInt64 || p == math.MaxInt64 || q == 0 || p == 0 {
		return math.Inf(1)
	}
	return float64(q) / float64(p)
}

// Threads returns the number of threads to compute with: wanted, or with 0 the cores that there
// are, at most GOMAXPROCS.
func (s System) Threads(wanted int) int {
	if wanted > 0 {
		return wanted
	}
	return min(s.Cores(), runtime.GOMAXPROCS(0))
}
