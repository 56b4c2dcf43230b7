//go:build gpu

package cuda

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed ptx
var embedded embed.FS

// ptx returns the kernels for an architecture, "sm_80" or "sm_90a", a module each.
func ptx(arch string) (modules []string, err error) {
	files, err := fs.Glob(embedded, "ptx/*."+arch+".ptx")
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	for _, f := range files {
		text, err := embedded.ReadFile(f)
		if err != nil {
			return nil, err
		}
		modules = append(modules, strings.TrimRight(string(text), "\x00"))
	}
	return modules, nil
}
