package repository

import (
	"path"
	"slices"
	"strings"
)

// file is a file of the text.
type file struct {
	path, text string
	imports    []string // in the terms of its language
	licence    string   // that it names itself
}

// node is what stands together: a file, or the files of a Go package.
type node struct {
	files []*file
	needs []int // nodes that it imports, in the order of the table
}

// order returns files so that each stands after those that it imports, and after those that these
// import. Files that import each other in a circle stand together, in the order in which a walk along
// the imports, from the first of all files on, is done with them. What no import decides is decided by
// the path; READMEs come first in their folders, and the one at the top first of all.
func order(files []*file) []*file {
	slices.SortFunc(files, compareFiles)
	w := walk{nodes: graph(files)}
	w.states = make([]state, len(w.nodes))
	for i := range w.nodes {
		if w.states[i].number == 0 {
			w.from(i)
		}
	}
	return w.sorted
}

// walk finds the circles of a graph, those that others need first, as Tarjan does (Depth-first search
// and linear graph algorithms, 1972).
type walk struct {
	nodes  []node
	states []state
	open   []int // nodes that the walk came to, whose circle is not known yet
	count  int
	done   int
	sorted []*file
}

// state is what the walk knows of a node.
type state struct {
	number int // in the order of coming to it; 0: not yet
	low    int // the least number that it leads back to
	done   int // in the order of being done with it
	closed bool
	next   int // of its needs to be looked at
}

// from walks along the imports from a node.
func (w *walk) from(start int) {
	path := []int{start}
	w.come(start)
	for len(path) > 0 {
		at := path[len(path)-1]
		s := &w.states[at]
		if s.next < len(w.nodes[at].needs) {
			to := w.nodes[at].needs[s.next]
			s.next++
			if w.states[to].number == 0 {
				w.come(to)
				path = append(path, to)
			} else if !w.states[to].closed {
				s.low = min(s.low, w.states[to].number)
			}
			continue
		}
		w.done++
		s.done = w.done
		path = path[:len(path)-1]
		if len(path) > 0 {
			above := &w.states[path[len(path)-1]]
			above.low = min(above.low, s.low)
		}
		if s.low == s.number {
			w.close(at)
		}
	}
}

func (w *walk) come(n int) {
	w.count++
	w.states[n].number, w.states[n].low = w.count, w.count
	w.open = append(w.open, n)
}

// close writes out the circle that begins at a node; most are of that node alone.
func (w *walk) close(first int) {
	at := slices.Index(w.open, first)
	circle := w.open[at:]
	slices.SortFunc(circle, func(a, b int) int { return w.states[a].done - w.states[b].done })
	for _, n := range circle {
		w.states[n].closed = true
		w.sorted = append(w.sorted, w.nodes[n].files...)
	}
	w.open = w.open[:at]
}

// compareFiles orders by folder, in a folder files before folders and the README before other files.
func compareFiles(a, b *file) int {
	da, db := path.Dir(a.path), path.Dir(b.path)
	switch {
	case da == db:
	case da == ".":
		return -1
	case db == ".":
		return 1
	default:
		return comparePaths(da, db)
	}
	if ra, rb := isReadme(a.path), isReadme(b.path); ra != rb {
		if ra {
			return -1
		}
		return 1
	}
	return strings.Compare(a.path, b.path)
}

func isReadme(name string) bool {
	base := strings.ToLower(path.Base(name))
	stem, _, _ := strings.Cut(base, ".")
	return stem == "readme" && languageOf(base) == nil
}

// graph makes nodes of sorted files, and resolves their imports.
func graph(files []*file) []node {
	nodes, at := group(files)
	byPath := make(map[string]*file, len(files))
	names := make([]string, len(files))
	for i, f := range files {
		byPath[f.path], names[i] = f, f.path
	}
	slices.SortFunc(names, comparePaths)
	x := newIndex(names, func(name string) string { return byPath[name].text })
	for i := range nodes {
		needs := map[int]bool{}
		for _, f := range nodes[i].files {
			l := languageOf(f.path)
			if l == nil {
				continue
			}
			for _, imported := range f.imports {
				for _, to := range l.resolve(x, f.path, imported) {
					if n := at[to]; n != i {
						needs[n] = true
					}
				}
			}
			if strings.HasSuffix(f.path, "_test.go") { // it needs what it tests
				for _, to := range x.goPackage(path.Dir(f.path)) {
					needs[at[to]] = true
				}
			}
		}
		for n := range needs {
			nodes[i].needs = append(nodes[i].needs, n)
		}
		slices.Sort(nodes[i].needs)
	}
	return nodes
}

// group makes a node of every file, and of the Go files of a folder two: those of the package, doc.go
// first, and those of its tests.
func group(files []*file) (nodes []node, at map[string]int) {
	at = make(map[string]int, len(files))
	packages := map[string]int{}
	for _, f := range files {
		key := f.path
		if strings.HasSuffix(f.path, ".go") {
			if key = path.Dir(f.path) + "/."; strings.HasSuffix(f.path, "_test.go") {
				key += "test"
			}
		}
		i, ok := packages[key]
		if !ok {
			i = len(nodes)
			packages[key] = i
			nodes = append(nodes, node{})
		}
		at[f.path] = i
		if path.Base(f.path) == "doc.go" {
			nodes[i].files = slices.Insert(nodes[i].files, 0, f)
		} else {
			nodes[i].files = append(nodes[i].files, f)
		}
	}
	return nodes, at
}
