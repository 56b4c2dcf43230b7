package repository

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"regexp"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Repository is a commit of a repository. It is not to be used concurrently.
type Repository struct {
	git    *git.Repository
	commit *object.Commit
	// mostFiles is maxFiles, but in tests.
	mostFiles int
}

// ErrNoCommit reports a repository that has no commit of the name.
var ErrNoCommit = errors.New("no such commit")

// revisionPattern are the names of commits that are understood: a branch, a tag or a hash, and steps
// to its ancestors.
var revisionPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/+-]*(~[0-9]{0,6}|\^[12]?)*$`)

// SplitRevision cuts PATH@REVISION. A path that is there as it stands has no revision.
func SplitRevision(location string) (path, revision string) {
	for at := len(location); at > 0; at = strings.LastIndexByte(location[:at], '@') {
		if exists(location[:at]) {
			return location[:at], strings.TrimPrefix(location[at:], "@")
		}
	}
	if at := strings.LastIndexByte(location, '@'); at > 0 {
		return location[:at], location[at+1:]
	}
	return location, ""
}

// Open opens a repository at a revision: a branch, a tag, a hash, or one of these with ~ and ^; empty
// means HEAD.
func Open(folder, revision string) (r *Repository, err error) {
	defer recovered(&err)
	if revision == "" {
		revision = "HEAD"
	}
	if !revisionPattern.MatchString(revision) {
		return nil, fmt.Errorf("revision %q: want a branch, a tag or a hash, perhaps with ~N", revision)
	}
	repo, err := openFolder(folder)
	if err != nil {
		return nil, cause(err)
	}
	defer func() {
		if r == nil {
			err = errors.Join(err, (&Repository{git: repo}).Close())
		}
	}()
	hash, err := repo.ResolveRevision(plumbing.Revision(revision))
	if err != nil && revision == "HEAD" {
		return nil, fmt.Errorf("%w: HEAD: %w", ErrNoCommit, cause(err))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w; git fetch brings what is not here", ErrNoCommit, revision,
			cause(err))
	}
	commit, err := repo.CommitObject(*hash)
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", hash, cause(err))
	}
	return &Repository{repo, commit, maxFiles}, nil
}

// recovered makes an error of a panic that a damaged repository led to.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("the repository is damaged: %v; git fsck says where", v)
	}
}

// cause is an error without the path that a PathError puts before it.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Close closes the files that were opened for reading objects.
func (r *Repository) Close() error {
	if c, ok := r.git.Storer.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Commit is the commit's hash.
func (r *Repository) Commit() string { return r.commit.Hash.String() }

// URL is the address of the remote named origin, without credentials and the suffix .git; empty if it
// has none that a browser opens.
func (r *Repository) URL() string {
	remote, err := r.git.Remote("origin")
	if err != nil || len(remote.Config().URLs) == 0 {
		return ""
	}
	u, err := url.Parse(remote.Config().URLs[0])
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return strings.TrimSuffix(strings.TrimSuffix(u.String(), "/"), ".git")
}
