package limits

import (
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
)

// mounts are where a controller's hierarchy may be: version 2 alone, version 2 beside version 1,
// version 1 by itself or together with accounting.
func mounts(controller string) (unified, own []string) {
	return []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"},
		[]string{"sys/fs/cgroup/" + controller, "sys/fs/cgroup/" + controller + ",cpuacct"}
}

// groups yields the directories of the control groups that limit the process: its own and all
// above it. A container often sees only its own part of the hierarchy, under the whole path's name
// or as the root; what is not there is left out by those who read.
func (s System) groups(controller string) iter.Seq[string] {
	unified, own := mounts(controller)
	text, _ := fs.ReadFile(s.Root, "proc/self/cgroup") // without it, the roots
	return func(yield func(string) bool) {
		for line := range strings.Lines(string(text) + "0::/\n0:" + controller + ":/\n") {
			parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // id:controllers:path
			if len(parts) != 3 {
				continue
			}
			roots := unified
			if parts[1] != "" {
				if !slices.Contains(strings.Split(parts[1], ","), controller) {
					continue
				}
				roots = own
			}
			for _, root := range roots {
				for dir := path.Join("/", parts[2]); ; dir = path.Dir(dir) {
					if !yield(path.Join(root, dir)) {
						return
					}
					if dir == "/" {
						break
					}
				}
			}
		}
	}
}
