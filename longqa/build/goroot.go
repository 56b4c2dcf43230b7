package build

import (
	"context"
	"fmt"

	"longlora/longqa/code"
	"longlora/longqa/outline"
	"longlora/pipeline/goroot"
	"longlora/pipeline/split"
)

// goroot type-checks the packages of the Go tree and cuts its texts.
func (b *builder) goroot(ctx context.Context, m Material) (*part, error) {
	program, err := b.program(ctx, m)
	if err != nil {
		return nil, err
	}
	p := &part{
		program: program, texts: map[string]*outline.Text{},
		meta: map[string]string{
			"go_version": b.Tree.Version(), "goos": b.Tree.GOOS(), "goarch": b.Tree.GOARCH(),
		},
	}
	if m.Rename != "" {
		p.meta["renamed"] = m.Rename
	}
	for _, pkg := range program.Packages {
		p.docs = append(p.docs, pkg.Document)
	}
	for path, problem := range program.Broken {
		if _, known := b.broken[path]; !known {
			b.broken[path] = problem
			b.out.Reject("goroot:"+path, "package-does-not-type-check", problem)
		}
	}
	for _, t := range b.textsOf(m) {
		genre := "manual"
		if t.Book {
			genre = "book"
		}
		text := outline.Parse(outline.Source{
			ID: t.DocID(), Title: t.Title, Genre: genre, Licence: t.Licence, Content: t.Content,
		})
		p.texts[t.DocID()] = text
		p.docs = append(p.docs, text.Document)
	}
	if b.treeParts == nil { // the same for all its parts
		b.Step("assign splits")
		if b.treeParts, err = b.treeSplits(); err != nil {
			return nil, fmt.Errorf("assign splits: %w", err)
		}
	}
	p.splits = b.treeParts
	return p, nil
}

// program is the material's code.
func (b *builder) program(ctx context.Context, m Material) (*code.Program, error) {
	if m.Only == onlyTexts {
		return code.None(), nil
	}
	var tree code.Tree = b.Tree
	var err error
	if m.Rename != "" {
		b.Step("rename the identifiers of the Go tree")
		if tree, err = code.Renamed(ctx, b.Tree, b.Keep, m.Rename); err != nil {
			return nil, err
		}
	}
	b.Step("type-check the Go tree")
	program, err := code.Load(ctx, tree, b.Keep)
	if err != nil {
		return nil, fmt.Errorf("type-check the Go tree: %w", err)
	}
	return program, nil
}

// textsOf are the tree's texts; they have no identifiers to rename.
func (b *builder) textsOf(m Material) []goroot.Text {
	if m.Rename != "" || m.Only == onlyPackages {
		return nil
	}
	return b.Tree.Texts()
}

// treeSplits gives every document of the tree its split, as all datasets of the project do.
func (b *builder) treeSplits() (map[string]string, error) {
	texts := func(yield func(id, text string) bool) {
		packages := b.Tree.Packages()
		for i := range packages {
			if !yield(packages[i].DocID(), packages[i].Text()) {
				return
			}
		}
		for _, t := range b.Tree.Texts() {
			if !yield(t.DocID(), t.Content) {
				return
			}
		}
	}
	return split.Assign(texts, split.DefaultShares())
}
