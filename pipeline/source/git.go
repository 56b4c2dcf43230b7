package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"longlora/internal/store"
	"longlora/pipeline/charset"
	"longlora/pipeline/repository"
	"longlora/schemas"
)

// What a document of the git source is.
const (
	perRepository = "repository"
	perDirectory  = "directory"
)

// gitSource reads commits of repositories of this machine.
type gitSource struct {
	o            Options
	charset      charset.Charset
	repositories []checked
}

// checked is a repository, its commit, or why it has none.
type checked struct {
	name    string // relative to the corpus; of a single one, its folder's
	folder  string
	commit  string
	problem string
}

func openGit(ctx context.Context, o Options) (Source, error) {
	c, err := charset.Find(o.Encoding)
	if err != nil {
		return nil, err
	}
	location, revision := o.Path, ""
	if !store.IsURL(o.Path) {
		location, revision = repository.SplitRevision(o.Path)
	}
	folder, ok := store.Local(location)
	if !ok {
		return nil, errors.New("repositories are read on this machine: `git clone --bare URL` brings one")
	}
	s := &gitSource{o: o, charset: c}
	if repository.Is(folder) {
		err = s.single(folder, revision)
	} else {
		err = s.search(ctx, folder, revision)
	}
	return s, err
}

// single takes the repository that was named itself; what is wrong with it ends the run.
func (s *gitSource) single(folder, revision string) error {
	whole, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if filepath.Base(whole) == ".git" {
		whole = filepath.Dir(whole)
	}
	r := inspect(strings.TrimSuffix(filepath.Base(whole), ".git"), folder, revision)
	if r.problem != "" {
		return fmt.Errorf("%s: %s", folder, r.problem)
	}
	s.repositories = []checked{r}
	return nil
}

// inspect resolves a revision.
func inspect(name, folder, revision string) checked {
	c := checked{name: name, folder: folder}
	r, err := repository.Open(folder, revision)
	if err != nil {
		c.problem = err.Error()
		return c
	}
	if c.commit = r.Commit(); r.Close() != nil {
		c.problem = "its files cannot be closed"
	}
	return c
}

// search finds the repositories in a folder, sorted by path. Folders that begin with a dot are left
// out, as is what lies within a repository. A link is followed to a repository, and no further.
func (s *gitSource) search(ctx context.Context, folder, revision string) error {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case path != folder && strings.HasPrefix(d.Name(), "."):
			return skipped(d)
		case d.Type()&fs.ModeSymlink != 0:
			return s.link(folder, path, revision)
		case !d.IsDir() || !repository.Is(path):
			return nil
		}
		s.repositories = append(s.repositories, inspect(nameOf(folder, path), path, revision))
		return fs.SkipDir
	})
	if err != nil {
		return err
	}
	if len(s.repositories) == 0 {
		return fmt.Errorf("%s is no git repository and holds none", folder)
	}
	return nil
}

func skipped(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// nameOf is a repository's path relative to the folder of repositories.
func nameOf(folder, path string) string {
	name, err := filepath.Rel(folder, path)
	if err != nil {
		name = filepath.Base(path)
	}
	return strings.TrimSuffix(filepath.ToSlash(name), ".git")
}

// link takes the repository that a link leads to, or says why there is none.
func (s *gitSource) link(folder, path, revision string) error {
	info, err := os.Stat(path)
	r := checked{name: nameOf(folder, path), folder: path}
	switch {
	case err != nil:
		r.problem = store.Cause(err)
	case !info.IsDir():
		return nil
	case repository.Is(path):
		r = inspect(r.name, path, revision)
	default:
		r.problem = "a link to a folder that is no repository"
	}
	s.repositories = append(s.repositories, r)
	return nil
}

func (s *gitSource) Config() map[string]any {
	var commits []string
	for _, r := range s.repositories {
		commits = append(commits, strings.TrimSuffix(r.name+"@"+r.commit, "@"))
	}
	c := fileConfig(s.o)
	c["repositories"], c["per"] = commits, s.o.Per
	return c
}

func (s *gitSource) Languages() []string { return []string{s.o.Language} }

// Units makes a part of each document. A part's name is the repository's, and a folder at its top
// after a colon.
func (s *gitSource) Units(ctx context.Context) iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		b := batch{yield: yield}
		for i, r := range s.repositories {
			at := int64(i)
			dirs, problem := []string{""}, r.problem
			if s.o.Per == perDirectory && problem == "" {
				dirs, problem = directories(r)
			}
			for _, dir := range dirs {
				name := r.name
				if dir != "" {
					name += ":" + dir
				}
				part := Part{Name: name, From: at, To: at + 1, Problem: problem}
				if err := ctx.Err(); err != nil {
					yield(Unit{}, err)
					return
				}
				if !b.add(part, unitBytes/8) { // its size shows when it is read
					return
				}
			}
		}
		b.flush()
	}
}

func directories(r checked) (dirs []string, problem string) {
	opened, err := repository.Open(r.folder, r.commit)
	if err == nil {
		dirs, err = opened.Directories()
		err = errors.Join(err, opened.Close())
	}
	if err != nil {
		return []string{""}, err.Error()
	}
	return dirs, ""
}

func (s *gitSource) Read(ctx context.Context, u Unit) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, p := range u.Parts {
			if p.From < 0 || p.From >= int64(len(s.repositories)) {
				yield(Item{}, fmt.Errorf("git: repository %d of %d", p.From, len(s.repositories)))
				return
			}
			if !s.part(ctx, p, yield) {
				return
			}
		}
	}
}

// part yields a document and what it was left out of it; false ends the reading.
func (s *gitSource) part(ctx context.Context, p Part, yield func(Item, error) bool) bool {
	r := s.repositories[p.From]
	_, dir, _ := strings.Cut(strings.TrimPrefix(p.Name, r.name), ":")
	it := Item{Document: schemas.Document{
		DocID: "git:" + p.Name, Source: "git", Title: p.Name, Language: s.o.Language,
	}}
	if r.commit != "" {
		it.DocID = strings.TrimSuffix("git:"+r.name+"@"+r.commit+":"+dir, ":")
	}
	if p.Problem != "" {
		it.Reason, it.Detail = ReasonUnreadable, p.Problem
		return yield(it, nil)
	}
	leftOut, err := s.fill(ctx, r, dir, &it)
	if ctx.Err() != nil {
		yield(Item{}, ctx.Err())
		return false
	}
	if err != nil {
		it.Reason, it.Detail = reasonOf(err), err.Error()
	}
	if !yield(it, nil) {
		return false
	}
	for _, l := range leftOut {
		part := Item{Reason: l.Reason, Detail: l.Detail, Within: true}
		part.DocID = "git:" + r.name + "@" + r.commit + ":" + l.Path
		if !yield(part, nil) {
			return false
		}
	}
	return true
}

func reasonOf(err error) string {
	if errors.Is(err, repository.ErrTooLarge) || errors.Is(err, repository.ErrTooManyFiles) {
		return ReasonTooLarge
	}
	return ReasonUnreadable
}

// fill reads a commit into a document.
func (s *gitSource) fill(ctx context.Context, r checked, dir string, it *Item) (
	leftOut []repository.LeftOut, err error) {
	opened, err := repository.Open(r.folder, r.commit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	d, err := opened.Document(ctx, dir, repository.Options{
		Charset: s.charset, Licence: s.o.Licence, MaxBytes: MaxDocument,
	})
	if errors.Is(err, repository.ErrTooLarge) && s.o.Per == perRepository {
		err = fmt.Errorf("%w; --per %s makes a document of each folder at the top", err, perDirectory)
	}
	if err != nil {
		return nil, err
	}
	it.Text, it.Licence, it.URL = d.Text, d.Licence, opened.URL()
	it.Meta = map[string]string{"commit": r.commit, "files": strconv.Itoa(d.Files)}
	if len(d.Terms) > 0 {
		it.Meta["licence_files"] = strings.Join(d.Terms, " ")
	}
	if d.Files == 0 {
		it.Reason, it.Detail = emptyReason(d.LeftOut)
	}
	return d.LeftOut, nil
}

// emptyReason says why nothing of a commit is left: the licence, if that is all that was wrong with a
// file.
func emptyReason(leftOut []repository.LeftOut) (reason, detail string) {
	for _, l := range leftOut {
		if l.Reason == repository.ReasonNoLicence {
			return ReasonNoLicence, l.Detail + "; --licence says what counts"
		}
	}
	return ReasonNoText, fmt.Sprintf("all of its %d files and folders are left out", len(leftOut))
}
