package fetch

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"longlora/internal/atomicfile"
	"longlora/pipeline/inflate"
	"longlora/pipeline/source"
)

// packing reads the files out of a download, in its order.
type packing struct {
	archive bool
	read    func(f *os.File, each func(name string, r io.Reader) error) error
}

// packings is the table of packings.
func packings() map[string]packing {
	return map[string]packing{
		"":        {false, plain},
		"gzip":    {false, compressed(inflate.Gzip)},
		"zstd":    {false, compressed(inflate.Zstd)},
		"zip":     {true, readZip},
		"tar":     {true, readTar(func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(r), nil })},
		"tar.gz":  {true, readTar(inflate.Gzip)},
		"tar.zst": {true, readTar(inflate.Zstd)},
	}
}

func isArchive(name string) bool { return packings()[name].archive }

// mostUnpacked bounds what a download may become: this many bytes, and as many times its own size.
const (
	mostUnpacked = 1 << 30
	mostRatio    = 100
)

func plain(f *os.File, each func(string, io.Reader) error) error { return each("", f) }

func compressed(open func(io.Reader) (io.ReadCloser, error)) func(*os.File,
	func(string, io.Reader) error) error {
	return func(f *os.File, each func(string, io.Reader) error) error {
		r, err := open(f)
		if err != nil {
			return err
		}
		return errors.Join(each("", r), r.Close())
	}
}

func readZip(f *os.File, each func(string, io.Reader) error) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return err
	}
	for _, m := range z.File {
		if m.FileInfo().IsDir() {
			continue
		}
		if !m.Mode().IsRegular() {
			return fmt.Errorf("member %q is no regular file", m.Name)
		}
		r, err := m.Open()
		if err != nil {
			return fmt.Errorf("member %q: %w", m.Name, err)
		}
		if err := errors.Join(each(m.Name, r), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

func readTar(open func(io.Reader) (io.ReadCloser, error)) func(*os.File,
	func(string, io.Reader) error) error {
	return func(f *os.File, each func(string, io.Reader) error) error {
		r, err := open(f)
		if err != nil {
			return err
		}
		defer r.Close() //nolint:errcheck // an error of content comes with its reading
		for t := tar.NewReader(r); ; {
			h, err := t.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			switch h.Typeflag {
			case tar.TypeReg:
				if err := each(h.Name, t); err != nil {
					return err
				}
			case tar.TypeDir, tar.TypeXGlobalHeader:
			default:
				return fmt.Errorf("member %q is no regular file", h.Name)
			}
		}
	}
}

// unpack writes the files of a download into the folder and says where they come from.
func (r *run) unpack(ctx context.Context, it Item, download string) (all []source.Origin, err error) {
	f, err := os.Open(download)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	left := info.Size()*mostRatio + mostUnpacked
	err = packings()[it.Unpack].read(f, func(member string, content io.Reader) error {
		file, ok, err := it.target(member)
		if err != nil || !ok {
			return err
		}
		o, n, err := r.write(ctx, it, file, io.LimitReader(content, left+1))
		if left -= n; err == nil && left < 0 {
			err = fmt.Errorf("it unpacks to more than %d times its size", mostRatio)
		}
		all = append(all, o)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no member of it fits %v", it.Members)
	}
	return all, err
}

// target returns the file that a member becomes; ok is false if it is not wanted.
func (it Item) target(member string) (file string, ok bool, err error) {
	if member == "" {
		return it.File, true, nil
	}
	elements := strings.Split(member, "/")
	name := strings.Join(elements[min(it.Strip, len(elements)):], "/")
	wanted := len(it.Members) == 0 || slices.ContainsFunc(it.Members, func(pattern string) bool {
		match, err := path.Match(pattern, name)
		return err == nil && match
	})
	if path.IsAbs(member) || slices.Contains(elements, "..") || strings.ContainsAny(member, "\\\x00") {
		return "", false, fmt.Errorf("member %q leads out of its archive", member)
	}
	if !wanted || !isInside(name) {
		return "", false, nil
	}
	return path.Join(it.File, name), true, nil
}

// write cleans content and writes it under its name, whole or not at all.
func (r *run) write(ctx context.Context, it Item, file string, content io.Reader) (o source.Origin,
	n int64, err error) {
	o = source.Origin{
		File: file, Licence: it.Licence, Language: it.Language, Title: it.Title, URL: it.Page,
		Fetched: it.URL, Recipe: it.digest(),
	}
	if o.URL == "" {
		o.URL = it.URL
	}
	if content, err = cleanings()[it.Clean](content, &o); err != nil {
		return o, 0, fmt.Errorf("%s: %w", file, err)
	}
	to := filepath.Join(r.o.Out, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return o, 0, err
	}
	f, err := atomicfile.Create(to)
	if err != nil {
		return o, 0, err
	}
	if n, err = io.Copy(f, content); err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return o, n, errors.Join(fmt.Errorf("%s: %w", file, err), f.Abort())
	}
	if err := f.Commit(); err != nil {
		return o, n, err
	}
	o.SHA256, err = hashFile(to)
	return o, n, err
}
