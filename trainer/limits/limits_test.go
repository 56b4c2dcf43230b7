package limits

import (
	"math"
	"runtime"
	"testing"
	"testing/fstest"
)

func system(files map[string]string) System {
	all := fstest.MapFS{}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return System{all}
}

const meminfo = "MemTotal:       24684236 kB\nMemFree:  1 kB\nMemAvailable:   8000000 kB\n"

func TestMemory(t *testing.T) {
	const total, available = 24684236 << 10, 8000000 << 10
	for _, c := range []struct {
		name         string
		files        map[string]string
		memory, free int64
	}{
		{"nothing", nil, math.MaxInt64, math.MaxInt64},
		{"a machine", map[string]string{"proc/meminfo": meminfo}, total, available},
		{"no limit", map[string]string{
			"proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "max\n",
		}, total, available},
		{"a container's root", map[string]string{
			"proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "536870912\n",
			"sys/fs/cgroup/memory.current": "500000000\n",
			"sys/fs/cgroup/memory.stat":    "anon 1\ninactive_file 100000000\n",
		}, 536870912, 136870912},
		{"a group above is narrower", map[string]string{
			"proc/meminfo":                                  meminfo,
			"proc/self/cgroup":                              "0::/user.slice/job.scope\n",
			"sys/fs/cgroup/user.slice/memory.max":           "1000\n",
			"sys/fs/cgroup/user.slice/memory.current":       "400\n",
			"sys/fs/cgroup/user.slice/job.scope/memory.max": "2000\n",
		}, 1000, 600},
		{"its own is narrower", map[string]string{
			"proc/self/cgroup":                              "0::/user.slice/job.scope\n",
			"sys/fs/cgroup/user.slice/memory.max":           "max\n",
			"sys/fs/cgroup/user.slice/job.scope/memory.max": "2000\n",
		}, 2000, math.MaxInt64},
		{"version 1", map[string]string{
			"proc/self/cgroup": "4:memory:/a/b\n1:cpu:/\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":   "3000\n",
			"sys/fs/cgroup/memory/a/memory.usage_in_bytes":   "4000\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
		}, 3000, 0},
		{"another's group does not count", map[string]string{
			"proc/self/cgroup":                  "0::/mine\n",
			"sys/fs/cgroup/mine/memory.max":     "2000\n",
			"sys/fs/cgroup/yours/memory.max":    "10\n",
			"sys/fs/cgroup/mine/sub/memory.max": "20\n",
		}, 2000, math.MaxInt64},
	} {
		s := system(c.files)
		if got := s.Memory(); got != c.memory {
			t.Errorf("%s: memory %d, want %d", c.name, got, c.memory)
		}
		if got := s.Free(); got != c.free {
			t.Errorf("%s: free %d, want %d", c.name, got, c.free)
		}
	}
}

func TestCores(t *testing.T) {
	all := runtime.NumCPU()
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int
	}{
		{"nothing", nil, all},
		{"no limit", map[string]string{"sys/fs/cgroup/cpu.max": "max 100000\n"}, all},
		{"a part of a core", map[string]string{"sys/fs/cgroup/cpu.max": "20000 100000\n"}, 1},
		{"more than there are", map[string]string{"sys/fs/cgroup/cpu.max": "9900000 1000\n"}, all},
		{"a group above", map[string]string{
			"proc/self/cgroup":          "0::/a/b/c\n",
			"sys/fs/cgroup/a/cpu.max":   "100000 100000\n",
			"sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
		}, 1},
		{"version 1", map[string]string{
			"proc/self/cgroup": "2:cpu,cpuacct:/a/b\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us":    "50000\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us":   "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us":  "-1\n",
			"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
		}, 1},
		{"nonsense", map[string]string{"sys/fs/cgroup/cpu.max": "many\n"}, all},
	} {
		if got := system(c.files).Cores(); got != c.want {
			t.Errorf("%s: %d cores, want %d", c.name, got, c.want)
		}
	}
}

// TestHost: this machine has some memory and a core, whatever system it runs.
func TestHost(t *testing.T) {
	if m, f, c := Host().Memory(), Host().Free(), Host().Cores(); m <= 0 || f < 0 || f > m || c < 1 {
		t.Errorf("memory %d, free %d, %d cores", m, f, c)
	}
}
