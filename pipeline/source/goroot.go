package source

import (
	"context"
	"fmt"
	"iter"

	"longlora/pipeline/goroot"
	"longlora/schemas"
)

// gorootSource reads the Go tree: first its packages, then its texts, numbered through.
type gorootSource struct{ tree *goroot.Tree }

// gorootUnitBytes is the size of a unit: small, so that few processors share the one tree evenly.
const gorootUnitBytes = 8 << 20

// gorootLicence is that of the Go project's code.
const gorootLicence = "BSD-3-Clause"

func openGoroot(ctx context.Context, o Options) (Source, error) {
	if o.Goroot == "" {
		var err error
		if o.Goroot, err = goroot.Find(ctx); err != nil {
			return nil, err
		}
	}
	tree, err := goroot.Open(o.Goroot, goroot.Options{GOOS: o.GOOS, GOARCH: o.GOARCH})
	if err != nil {
		return nil, err
	}
	return &gorootSource{tree}, nil
}

func (s *gorootSource) Config() map[string]any {
	return map[string]any{
		"go_version": s.tree.Version(), "goos": s.tree.GOOS(), "goarch": s.tree.GOARCH(),
	}
}

func (s *gorootSource) Languages() []string { return []string{"en"} }

func (s *gorootSource) Units(context.Context) iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		var u Unit
		from, packages, n := 0, s.tree.Packages(), s.size()
		for i := range n {
			if i < len(packages) {
				for _, f := range packages[i].Files {
					u.Bytes += int64(len(f.Source))
				}
			} else {
				u.Bytes += int64(len(s.tree.Texts()[i-len(packages)].Content))
			}
			if u.Bytes >= gorootUnitBytes || i == n-1 {
				u.Parts = []Part{{Name: "tree", From: int64(from), To: int64(i + 1)}}
				if !yield(u, nil) {
					return
				}
				u, from = Unit{}, i+1
			}
		}
	}
}

func (s *gorootSource) size() int { return len(s.tree.Packages()) + len(s.tree.Texts()) }

func (s *gorootSource) Read(ctx context.Context, u Unit) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, p := range u.Parts {
			if p.From < 0 || p.To > int64(s.size()) {
				yield(Item{}, fmt.Errorf("goroot: documents %d to %d of %d", p.From, p.To, s.size()))
				return
			}
			for i := p.From; i < p.To; i++ {
				if err := ctx.Err(); err != nil {
					yield(Item{}, err)
					return
				}
				if !yield(Item{Document: s.document(int(i))}, nil) {
					return
				}
			}
		}
	}
}

func (s *gorootSource) document(i int) schemas.Document {
	d := schemas.Document{
		Source: "goroot", Language: "en", Licence: gorootLicence,
		Meta: map[string]string{
			"go_version": s.tree.Version(), "goos": s.tree.GOOS(), "goarch": s.tree.GOARCH(),
		},
	}
	if packages := s.tree.Packages(); i < len(packages) {
		p := &packages[i]
		d.DocID, d.Title, d.Text = p.DocID(), "package "+p.ImportPath, p.Text()
		d.URL = "https://pkg.go.dev/" + p.ImportPath
		return d
	}
	t := &s.tree.Texts()[i-len(s.tree.Packages())]
	d.DocID, d.Title, d.Text, d.Licence = t.DocID(), t.Title, t.Content, t.Licence
	return d
}
