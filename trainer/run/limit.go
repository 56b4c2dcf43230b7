package run

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// limitFiles are where Linux says how much memory a process may take: the machine's, and those of
// the control group (version 2, version 1).
var limitFiles = [...]string{
	"/proc/meminfo", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
}

// Limit returns the bytes that a process may take here at most, the least of what the system says;
// math.MaxInt64 where it says nothing.
func Limit() int64 {
	least := int64(math.MaxInt64)
	for _, path := range limitFiles {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if n, ok := parseLimit(string(text)); ok {
			least = min(least, n)
		}
	}
	return least
}

// parseLimit reads a file of limitFiles; "max" is no limit.
func parseLimit(text string) (int64, bool) {
	if rest, ok := strings.CutPrefix(text, "MemTotal:"); ok {
		var kib int64
		_, err := fmt.Sscanf(rest, "%d kB", &kib)
		return kib << 10, err == nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n, err == nil && n > 0
}
