package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// The bounds of a commit's tree. A few objects can name each other so often that no walk ends.
const (
	maxFiles = 1 << 20
	maxDepth = 128
	// MaxFile is the greatest size, in bytes, of a file that is taken for something people wrote.
	MaxFile = 1 << 20
)

// LeftOut is a file, or a folder if Path ends in a slash, that is in the commit and not in the text.
type LeftOut struct{ Path, Reason, Detail string }

// ErrTooManyFiles reports a tree beyond the bounds.
var ErrTooManyFiles = fmt.Errorf("more than %d files, or folders more than %d deep", maxFiles, maxDepth)

// entry is a file of the commit.
type entry struct {
	path string
	hash plumbing.Hash
}

// listing is what a walk of a tree finds.
type listing struct {
	entries []entry
	leftOut []LeftOut
	seen    int
}

// Directories returns the folders at the top of the commit that may hold files to read, sorted; "."
// stands for the files beside them, if there are any.
func (r *Repository) Directories() (names []string, err error) {
	defer recovered(&err)
	tree, err := r.commit.Tree()
	if err != nil {
		return nil, fmt.Errorf("tree of %s: %w", r.Commit(), err)
	}
	for _, e := range tree.Entries {
		switch {
		case e.Mode != filemode.Dir:
			if !slices.Contains(names, ".") {
				names = append(names, ".")
			}
		default:
			if _, _, out := leftOutFolder(e.Name); !out {
				names = append(names, e.Name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// list walks the commit's tree, or the part of it that Directories names dir; "" is all of it.
func (r *Repository) list(ctx context.Context, dir string) (*listing, error) {
	tree, err := r.commit.Tree()
	if err != nil {
		return nil, fmt.Errorf("tree of %s: %w", r.Commit(), err)
	}
	l := &listing{}
	for _, e := range tree.Entries {
		if dir == "." && e.Mode == filemode.Dir || dir != "." && dir != "" && e.Name != dir {
			continue
		}
		if err := l.entry(ctx, r, "", e, 0); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(l.entries, func(a, b entry) int { return comparePaths(a.path, b.path) })
	return l, nil
}

// entry adds a file, or what lies in a folder.
func (l *listing) entry(ctx context.Context, r *Repository, above string, e object.TreeEntry,
	depth int) error {
	if l.seen++; l.seen > r.mostFiles || depth > maxDepth {
		return ErrTooManyFiles
	}
	name := path.Join(above, e.Name)
	switch {
	case !validName(e.Name):
		l.leaveOut(name, "bad name", fmt.Sprintf("%q", e.Name))
	case e.Mode == filemode.Submodule:
		l.leaveOut(name+"/", "submodule", "commit "+e.Hash.String()+" of another repository")
	case e.Mode == filemode.Symlink:
		l.leaveOut(name, "symbolic link", "to "+r.linkTarget(e.Hash))
	case e.Mode == filemode.Dir:
		return l.folder(ctx, r, name, e, depth)
	default:
		if reason, detail, out := leftOutName(e.Name); out {
			l.leaveOut(name, reason, detail)
		} else {
			l.entries = append(l.entries, entry{name, e.Hash})
		}
	}
	return nil
}

func (l *listing) folder(ctx context.Context, r *Repository, name string, e object.TreeEntry,
	depth int) error {
	if reason, detail, out := leftOutFolder(e.Name); out {
		l.leaveOut(name+"/", reason, detail)
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tree, err := r.git.TreeObject(e.Hash)
	if err != nil {
		l.leaveOut(name+"/", "missing object", missing(err))
		return nil
	}
	for _, e := range tree.Entries {
		if err := l.entry(ctx, r, name, e, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) leaveOut(name, reason, detail string) {
	l.leftOut = append(l.leftOut, LeftOut{strings.ToValidUTF8(name, "\ufffd"), reason, detail})
}

// missing says of an object that cannot be read why, and what to do.
func missing(err error) string {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return "it is not in the repository; a clone without --filter and --depth has it"
	}
	return cause(err).Error() + "; git fsck says more"
}

// linkTarget is where a symbolic link leads.
func (r *Repository) linkTarget(hash plumbing.Hash) string {
	data, err := r.blob(hash, 4096)
	if err != nil {
		return "a place that cannot be read"
	}
	return strings.ToValidUTF8(string(data), "\ufffd")
}

// errLarge reports a file above the bound.
type errLarge struct{ size, most int64 }

func (e errLarge) Error() string {
	return fmt.Sprintf("%d bytes, at most %d are read", e.size, e.most)
}

// blob reads a file's content.
func (r *Repository) blob(hash plumbing.Hash, most int64) ([]byte, error) {
	size, err := r.git.Storer.EncodedObjectSize(hash)
	if err != nil && !errors.Is(err, plumbing.ErrObjectNotFound) { // borrowed objects are not found so
		return nil, err
	}
	if size > most {
		return nil, errLarge{size, most}
	}
	b, err := r.git.BlobObject(hash)
	if err != nil {
		return nil, err
	}
	if b.Size > most {
		return nil, errLarge{b.Size, most}
	}
	rc, err := b.Reader()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(rc, most+1))
	if err = errors.Join(err, rc.Close()); err == nil && int64(len(data)) != b.Size {
		err = fmt.Errorf("object %s has %d bytes and says %d", hash, len(data), b.Size)
	}
	return data, err
}

// comparePaths orders paths by their elements, so that a folder's files stand together.
func comparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			switch {
			case a[i] == '/':
				return -1
			case b[i] == '/':
				return 1
			}
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}
