// Package faketree writes a small Go tree for tests: packages with everything that questions are
// asked about, and a manual. It is written out of word lists, so that every package differs.
package faketree

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// subjects name the packages.
var subjects = [...]string{
	"anchor", "basket", "candle", "desert", "engine", "forest", "garden", "harbor", "island",
	"jacket", "kettle", "ladder", "marble", "needle", "orchard", "pencil", "quarry", "ribbon",
	"saddle", "temple", "urchin", "valley", "window", "yellow",
}

// words fill the comments.
var words = strings.Fields("amber brisk copper dusty early faint golden hollow ivory jolly keen " +
	"lunar mellow narrow open plain quiet rapid silver tidy upper vivid warm young zonal broad " +
	"clear dense even fresh grand humid inner large minor noble outer prime round sharp thick " +
	"urban vast wide ample bare")

// prose is a sentence of n words about a name that no other name has.
func prose(name string, seed, n int) string {
	var b strings.Builder
	b.WriteString(name + " describes")
	for i := range n {
		b.WriteString(" " + words[(seed*7+i*i*3+i*seed)%len(words)])
		if i%9 == 8 {
			fmt.Fprintf(&b, " %s%c", strings.ToLower(name), 'a'+i)
		}
	}
	return b.String() + "."
}

// Write writes the tree into a new directory and returns its root.
func Write(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range Files() {
		Add(t, root, name, content)
	}
	return root
}

// Add writes one more file into a tree.
func Add(t testing.TB, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

// Files are the tree's files by path.
func Files() map[string]string {
	files := map[string]string{
		"VERSION":    "go1.26.0\n",
		"src/go.mod": "module std\n\ngo 1.26\n",
		"src/errors/errors.go": "package errors\n\ntype text struct{ s string }\n\n" +
			"func (t *text) Error() string { return t.s }\n\n" +
			"func New(s string) error { return &text{s} }\n",
		"src/fmt/fmt.go": "package fmt\n\nimport \"errors\"\n\n" +
			"func Errorf(format string, a ...any) error { return errors.New(format) }\n",
		"doc/manual.md": manual(),
	}
	for i, s := range subjects {
		next := subjects[(i+1)%len(subjects)]
		if i+1 == len(subjects) {
			next = "" // imports make no circle
		}
		for name, content := range pkg(i, s, next) {
			files["src/"+s+"/"+name] = content
		}
	}
	return files
}

func manual() string {
	var b strings.Builder
	b.WriteString("# The manual\n\n")
	for i, s := range subjects {
		fmt.Fprintf(&b, "## Chapter on %s\n\n", s)
		for k := range 6 {
			fmt.Fprintf(&b, "%s\n", prose("The "+s, i*31+k*5, 14))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// pkg are the two files of a package about a subject, which may import the package next.
func pkg(i int, s, next string) map[string]string {
	upper := strings.ToUpper(s[:1]) + s[1:]
	fill := strings.NewReplacer("SUBJECT", s, "Subject", upper, "NUMBER", fmt.Sprint(i+3),
		"DOC1", prose("Open"+upper, i*11, 24), "DOC2", prose(upper+"Keeper", i*11+1, 26),
		"DOC3", prose(upper+"Store", i*11+2, 28), "DOC4", prose("measure"+upper, i*11+3, 25),
		"DOC5", prose("Package "+s, i*11+4, 24),
		"NEXTIMPORT", nextImport(next), "NEXTCALL", nextCall(next))
	return map[string]string{"store.go": fill.Replace(storeFile), "work.go": fill.Replace(workFile)}
}

func nextImport(next string) string {
	if next == "" {
		return ""
	}
	return "import \"" + next + "\"\n"
}

func nextCall(next string) string {
	if next == "" {
		return "n"
	}
	return next + ".Open" + strings.ToUpper(next[:1]) + next[1:] + "(n)"
}

const storeFile = `// DOC5 It has OpenSubject.
package SUBJECT

import (
	"errors"
	"fmt"
)

// ErrSubject says that a store is closed.
var ErrSubject = errors.New("SUBJECT: closed")

const (
	smallSubject = 1 << iota
	middleSubject
	largeSubject
)

const limitSubject = NUMBER * 100

// DOC2
type SubjectKeeper interface {
	FillSubject(n int) error
	CountSubject() int
}

// DOC3
type SubjectStore struct {
	name  string
	count int
	limit int
}

// FillSubject adds n.
func (s *SubjectStore) FillSubject(n int) error {
	if n < 0 {
		return fmt.Errorf("SUBJECT: %d is negative", n)
	}
	if s.count+n > limitSubject {
		return ErrSubject
	}
	s.count += measureSubject(n, 1)
	return nil
}

// CountSubject is the sum.
func (s *SubjectStore) CountSubject() int { return s.count }

func (s *SubjectStore) nameSubject() string { return s.name }

type pairSubject struct {
	count int
	other string
}
`

const workFile = `package SUBJECT

NEXTIMPORT
// DOC1
func OpenSubject(n int) int {
	return scaleSubject(n) + NEXTCALL
}

func scaleSubject(n int) int { return measureSubject(n, largeSubject) }

// DOC4
func measureSubject(n, by int) int {
	total := 0
	for i := range n {
		total += i * by
	}
	return roundSubject(total)
}

func roundSubject(n int) int { return n &^ smallSubject }

type looseSubject struct{ size, weight, color int }

func (l looseSubject) heavySubject() bool { return l.weight > middleSubject }

func sortSubject(l []looseSubject, less func(a, b looseSubject) bool, from, to int) {
	for i := from + 1; i < to; i++ {
		for k := i; k > from && less(l[k], l[k-1]); k-- {
			l[k], l[k-1] = l[k-1], l[k]
		}
	}
}
`
