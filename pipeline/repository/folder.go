package repository

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// Is reports whether a folder is a repository: it has a .git, or is a bare one.
func Is(folder string) bool {
	return exists(filepath.Join(folder, ".git")) || exists(filepath.Join(folder, "HEAD")) &&
		(exists(filepath.Join(folder, "objects")) && exists(filepath.Join(folder, "refs")) ||
			exists(filepath.Join(folder, "commondir")))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// openFolder opens the repository of a folder: that of a work tree, whose .git is a folder or a file
// that names one, or a bare one; with the objects that it borrows from others.
func openFolder(folder string) (*git.Repository, error) {
	if !Is(folder) {
		return nil, errors.New("no git repository")
	}
	dir, err := gitDir(folder)
	if err != nil {
		return nil, err
	}
	if err := checkRegular(dir); err != nil {
		return nil, err
	}
	files := billy.Filesystem(osfs.New(dir))
	switch common, err := readPath(filepath.Join(dir, "commondir"), ""); {
	case err == nil:
		files = dotgit.NewRepositoryFilesystem(files, osfs.New(common))
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	storage := filesystem.NewStorageWithOptions(files, cache.NewObjectLRUDefault(), filesystem.Options{
		AlternatesFS: osfs.New(string(filepath.Separator)), KeepDescriptors: true,
	})
	r, err := git.Open(storage, nil)
	if err == nil {
		return r, nil
	}
	if errors.Is(err, git.ErrRepositoryNotExists) {
		err = errors.New("its HEAD cannot be read")
	} else if strings.Contains(err.Error(), "extension") {
		err = fmt.Errorf("%w; repositories with SHA-1 objects and references in files are read", err)
	}
	return nil, errors.Join(err, storage.Close())
}

// maxText is more than any file of names in a repository has, in bytes.
const maxText = 64 << 20

// checkRegular refuses a repository some of whose files would be read for ever.
func checkRegular(dir string) error {
	for _, name := range []string{"HEAD", "config", "packed-refs", "commondir", "shallow"} {
		switch info, err := os.Stat(filepath.Join(dir, name)); {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return fmt.Errorf("%s: %w", name, cause(err))
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is not a regular file", name)
		case info.Size() > maxText:
			return fmt.Errorf("%s is too large: %d bytes", name, info.Size())
		}
	}
	return nil
}

// gitDir follows .git.
func gitDir(folder string) (string, error) {
	dir := filepath.Join(folder, ".git")
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return folder, nil
	case err != nil:
		return "", err
	case info.IsDir():
		return dir, nil
	}
	return readPath(dir, "gitdir: ")
}

// readPath reads a file that holds a path, which may be relative to the file's folder.
func readPath(file, prefix string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, 8192))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	path, ok := strings.CutPrefix(strings.TrimSpace(line), prefix)
	if !ok || path == "" {
		return "", fmt.Errorf("%s names no folder", filepath.Base(file))
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), filepath.FromSlash(path))
	}
	return path, nil
}
