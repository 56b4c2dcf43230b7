package repository

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// ordered orders files given by name and content.
func ordered(files tree) (names []string) {
	var all []*file
	for name, text := range files {
		f := &file{path: name, text: text}
		if l := languageOf(name); l != nil {
			f.imports = l.imports(name, text)
		}
		all = append(all, f)
	}
	for _, f := range order(all) {
		names = append(names, f.path)
	}
	return names
}

// TestOrder holds the order of a small repository in each language, most of them with paths that
// alone would order the files otherwise.
func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		files tree
		want  string
	}{
		"text": {tree{"b.txt": "", "README.md": "", "a/README": "", "a/b": "", "Makefile": "", "a-b/x": ""},
			"README.md Makefile b.txt a/README a/b a-b/x"},
		"Go": {tree{
			"go.mod":         "module example.org/m\n",
			"a/a.go":         "package a\nimport (\"example.org/m/z\"\n\"fmt\")\n",
			"a/a_test.go":    "package a\nimport \"example.org/m/y\"\n",
			"a/b.go":         "package a\n",
			"y/y.go":         "package y\nimport \"example.org/m/a\"\n",
			"z/doc.go":       "package z\n",
			"z/a.go":         "package z\nimport \"example.org/other/w\"\n",
			"w/w.go":         "package w\n",
			"tool/go.mod":    "module example.org/m/tool\n",
			"tool/t.go":      "package tool\nimport \"example.org/m/tool/u\"\n",
			"tool/u/u.go":    "package u\nimport \"example.org/m/w\"\n",
			"broken/half.go": "package broken\nimport (\"example.org/m/w\"\nfunc (",
		}, "go.mod z/doc.go z/a.go a/a.go a/b.go y/y.go a/a_test.go w/w.go broken/half.go tool/go.mod " +
			"tool/u/u.go tool/t.go"},
		"Python": {tree{
			"app.py":               "import pkg.sub.low as l, os\nfrom pkg import (b,\n  c as d)  # x\n",
			"pkg/__init__.py":      "from .z import Z\n",
			"pkg/z.py":             "",
			"pkg/b.py":             "from . import c\nfrom ..nowhere import x\n",
			"pkg/c.py":             "",
			"pkg/sub/__init__.py":  "",
			"pkg/sub/low.py":       "from ..c import thing\nfrom pkg.z \\\n  import Z\n",
			"src/lib2/__init__.py": "",
			"tests/test_b.py":      "from lib2 import x\n    import pkg.b; y()\n",
		}, "pkg/c.py pkg/b.py pkg/z.py pkg/sub/low.py app.py pkg/__init__.py pkg/sub/__init__.py " +
			"src/lib2/__init__.py tests/test_b.py"},
		"TypeScript": {tree{
			"a.ts":                       "import {x} from './z.js'\nexport * from \"./lib\"\n",
			"z.ts":                       "import type { T } from '@acme/util/deep'\n",
			"lib/index.tsx":              "const m = require('../m')\n",
			"m.cjs":                      "await import(`@/own`)\n",
			"src/own.vue":                "",
			"packages/util/package.json": "{\n  \"name\": \"@acme/util\"\n}",
			"packages/util/src/deep.ts":  "import fs from 'fs'\n",
		}, "packages/util/src/deep.ts z.ts src/own.vue m.cjs lib/index.tsx a.ts packages/util/package.json"},
		"Java": {tree{
			"src/a/A.java":    "package a;\nimport b.B.Inner;\nimport static c.C.make;\nclass A extends Near {}\n",
			"src/a/Near.java": "package a;\nimport d.*;\n",
			"src/b/B.java":    "package b;\n", "src/c/C.kt": "package c\n",
			"src/d/D1.java": "", "src/d/D2.scala": "import b._\n",
			"test/b/B.java": "", "src/a/Far.java": "class Far { String s = \"Nothing\"; }",
		}, "src/d/D1.java src/b/B.java src/d/D2.scala src/a/Near.java src/c/C.kt src/a/A.java src/a/Far.java " +
			"test/b/B.java"},
		"C": {tree{
			"main.c":             "#include <stdio.h>\n#include \"util/low.h\"\n  #  include <proj/api.h>\n",
			"util/low.h":         "#include \"lower.h\"\n",
			"util/lower.h":       "",
			"include/proj/api.h": "",
			"zz/lower.h":         "",
		}, "include/proj/api.h util/lower.h util/low.h main.c zz/lower.h"},
		"Rust": {tree{
			"Cargo.toml":        "[package]\nname = \"top-crate\"\n",
			"src/main.rs":       "mod b;\nmod net;\nuse helper_crate::x::{self, y};\nfn main() {}\n",
			"src/b.rs":          "use crate::net::{wire::Frame, Other};\n",
			"src/net/mod.rs":    "pub(crate) mod wire;\nuse super::b;\n",
			"src/net/wire.rs":   "use std::io;\n",
			"helper/Cargo.toml": "[package]\nname = \"helper-crate\"\n",
			"helper/src/lib.rs": "pub mod x;\n",
			"helper/src/x.rs":   "",
		}, "Cargo.toml helper/Cargo.toml helper/src/x.rs helper/src/lib.rs src/net/wire.rs src/net/mod.rs " +
			"src/b.rs src/main.rs"},
		"Ruby": {tree{
			"a.rb": "require_relative 'z'\nrequire 'inner/y'\n", "z.rb": "", "lib/inner/y.rb": "",
		}, "z.rb lib/inner/y.rb a.rb"},
		"Protocol Buffers": {tree{
			"a.proto": "import public \"x/y.proto\";\n", "proto/x/y.proto": "",
		}, "proto/x/y.proto a.proto"},
		"circle": {tree{
			"a.h": "#include \"b.h\"\n", "b.h": "#include \"c.h\"\n", "c.h": "#include \"a.h\"\n#include \"d.h\"\n", "d.h": "",
			"self.h": "#include \"self.h\"\n",
		}, "d.h c.h b.h a.h self.h"},
	} {
		if diff := cmp.Diff(strings.Fields(c.want), ordered(c.files)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestOrderOfGraphs holds, on random graphs, that nothing is lost, that the order does not depend on
// that of the input, and that a file stands after another that it reaches unless that one reaches it
// too; who reaches whom is found by closure, not by a walk.
func TestOrderOfGraphs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		reaches := make([][]bool, n)
		var files []*file
		for i := range n {
			reaches[i] = make([]bool, n)
			f := &file{path: fmt.Sprintf("%c/f%d.h", 'a'+i%3, i)}
			for _, j := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 3).Draw(t, "needs") {
				reaches[i][j] = true
				f.imports = append(f.imports, fmt.Sprintf("<%c/f%d.h", 'a'+j%3, j))
			}
			files = append(files, f)
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reaches[i][j] = reaches[i][j] || reaches[i][k] && reaches[k][j]
				}
			}
		}
		number := map[string]int{}
		for i, f := range files {
			number[f.path] = i
		}
		shuffled := slices.Clone(files)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(n, func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		got := order(files)
		if again := order(shuffled); !slices.Equal(got, again) || len(got) != n {
			t.Fatalf("%d files in another order: %v", len(got), again)
		}
		place := make([]int, n)
		for at, f := range got {
			place[number[f.path]] = at
		}
		for i := range n {
			for j := range n {
				if reaches[i][j] && !reaches[j][i] && place[j] > place[i] {
					t.Fatalf("file %d stands before file %d, which it needs", i, j)
				}
			}
		}
	})
}

// FuzzImports reads imports of arbitrary files in every language and resolves them.
func FuzzImports(f *testing.F) {
	for i, text := range []string{
		"package a\nimport \"m/b\"", "from ..a import (b", "import x from '../../..'", "import a..*;",
		"#include \"../../x.h\"", "use super::super::super::{a::{b,}, *};\nmod x;", "require '",
		"import public \"/\";",
	} {
		f.Add(uint8(i), text)
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		all := languages()
		l := all[int(which)%len(all)]
		name := "d/a" + l.suffixes[0]
		files := []*file{
			{path: name, text: text, imports: l.imports(name, text)},
			{path: "go.mod", text: text}, {path: "Cargo.toml", text: text}, {path: "package.json", text: text},
			{path: "b" + l.suffixes[0]}, {path: "d/b" + l.suffixes[0]},
		}
		if got := order(files); len(got) != len(files) {
			t.Errorf("%d of %d files are left", len(got), len(files))
		}
	})
}
