package gold

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"iter"
	"strings"
	"unicode"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/pipeline/goroot"
	"longlora/pipeline/split"
	"longlora/schemas"
)

// goDoc makes short instructions from a Go tree: what a function does, with its comment as the
// answer, and what it takes and gives. A path is the root, as go env GOROOT prints. Rows have the
// genre short and hold no more than the function, so that they mix with long ones of any licence.
type goDoc struct{}

func (goDoc) Name() string { return "go-doc" }

func (goDoc) About() string {
	return "Short instructions about functions of a Go tree, answered by their comments " +
		"(https://go.dev, BSD-3-Clause)."
}

// Published names nothing: the number depends on the version of Go.
func (goDoc) Published() Published { return Published{} }

func (goDoc) Rows(path string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		tree, err := goroot.Open(path, goroot.Options{GOOS: "linux", GOARCH: "amd64"})
		var splits map[string]string
		if err == nil {
			splits, err = treeSplits(tree)
		}
		if err != nil {
			yield(Row{}, err)
			return
		}
		packages := tree.Packages()
		for i := range packages {
			p := &packages[i]
			for _, f := range p.Files {
				rows, err := goDocFile(p, f, splits[p.DocID()])
				if err != nil {
					yield(Row{}, fmt.Errorf("read %s/%s: %w", p.ImportPath, f.Name, err))
					return
				}
				for _, row := range rows {
					if !yield(row, nil) {
						return
					}
				}
			}
		}
	}
}

// treeSplits gives packages their splits as all datasets of the tree do.
func treeSplits(tree *goroot.Tree) (map[string]string, error) {
	packages := tree.Packages()
	return split.Assign(func(yield func(id, text string) bool) {
		for i := range packages {
			if !yield(packages[i].DocID(), packages[i].Text()) {
				return
			}
		}
		for _, t := range tree.Texts() {
			if !yield(t.DocID(), t.Content) {
				return
			}
		}
	}, split.DefaultShares())
}

// Bounds of what is asked about: a comment's words and a function's lines.
const (
	minDocWords  = 20
	maxDocWords  = 200
	minFuncLines = 4
	maxFuncLines = 60
)

// The ways of asking, drawn by the function.
var (
	explainWords = []string{
		"Explain what this Go function does, for somebody who wants to call it.",
		"Write the doc comment for this Go function.",
		"What does the following function do? Describe its behaviour, not its code line by line.",
		"Read this Go function and say what its callers can rely on.",
	}
	parameterWords = []string{
		"List the parameters and the results of this Go function with their types.",
		"Which parameters does this function take, and what does it return? Give names and types.",
	}
)

func goDocFile(p *goroot.Package, f goroot.File, splitName string) ([]Row, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, f.Name, f.Source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.FuncDecl)
		if !ok || d.Body == nil || !d.Name.IsExported() {
			continue
		}
		source := string(f.Source[set.Position(d.Type.Pos()).Offset:set.Position(d.End()).Offset]) + "\n"
		if n := strings.Count(source, "\n"); n < minFuncLines || n > maxFuncLines {
			continue
		}
		name := d.Name.Name
		if d.Recv != nil && len(d.Recv.List) == 1 {
			name = code.ReceiverName(d.Recv.List[0].Type) + "." + name
		}
		add := func(task, question, answer, from string) {
			id := fmt.Sprintf("go-doc-%s-%s.%s", task, p.ImportPath, name)
			rows = append(rows, checked(Row{Example: schemas.Example{
				ID: id, DocIDs: []string{p.DocID()}, Genre: "short", Task: task, Instruction: question,
				Context: source, Output: answer, Evidence: whole(source), AnswerSource: from,
				Licence: "BSD-3-Clause", Split: splitName, QuestionFirst: true,
				Meta: map[string]string{"symbol": p.ImportPath + "." + name},
			}}))
		}
		draw := dice.New("go-doc", p.ImportPath, name)
		if doc, ok := plainDoc(d.Doc); ok {
			add("explain", dice.Pick(draw, explainWords), doc, "gold:go-doc")
		}
		if answer, err := signature(set, d.Type); err != nil {
			return nil, err
		} else if answer != "" {
			add("parameters", dice.Pick(draw, parameterWords), answer, "derived:parameters")
		}
	}
	return rows, nil
}

// plainDoc is a comment that explains: of some length, without directives, lists of deprecations or
// code.
func plainDoc(doc *ast.CommentGroup) (string, bool) {
	if doc == nil {
		return "", false
	}
	text := strings.TrimSpace(doc.Text())
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	switch {
	case len(words) < minDocWords || len(words) > maxDocWords,
		strings.Contains(text, "\t"), strings.Contains(text, "\n  "),
		strings.Contains(text, "Deprecated"), strings.Contains(text, "TODO"):
		return "", false
	}
	// Lines of a paragraph belong together.
	var paragraphs []string
	for _, p := range strings.Split(text, "\n\n") {
		paragraphs = append(paragraphs, strings.Join(strings.Fields(p), " "))
	}
	return strings.Join(paragraphs, "\n\n"), true
}

// signature says what a function takes and gives; "" if it takes fewer than two parameters or gives
// nothing.
func signature(set *token.FileSet, t *ast.FuncType) (string, error) {
	if t.TypeParams != nil {
		return "", nil
	}
	params, err := fieldsOf(set, t.Params)
	if err != nil {
		return "", err
	}
	results, err := fieldsOf(set, t.Results)
	if err != nil || len(params) < 2 || len(results) == 0 {
		return "", err
	}
	return "It takes " + strings.Join(params, ", ") + ". It returns " + strings.Join(results, ", ") +
			".",
		nil
}

// fieldsOf writes each parameter as `name type`, or `type` if it has no name.
func fieldsOf(set *token.FileSet, list *ast.FieldList) ([]string, error) {
	if list == nil {
		return nil, nil
	}
	var all []string
	var errs []error
	for _, f := range list.List {
		var b strings.Builder
		errs = append(errs, printer.Fprint(&b, set, f.Type))
		if strings.ContainsAny(b.String(), "\n`") {
			return nil, nil
		}
		for _, name := range f.Names {
			all = append(all, "`"+name.Name+" "+b.String()+"`")
		}
		if len(f.Names) == 0 {
			all = append(all, "`"+b.String()+"`")
		}
	}
	return all, errors.Join(errs...)
}
