// Package publish copies datasets into object stores and back.
//
// A dataset is published to a folder that its digest names, file by file, each only if there is none
// of that name; the manifest comes last, when all others were read back and found right. So a reader
// sees all of a dataset or nothing, an upload that was cut off goes on where it was, and whoever
// publishes at the same time either writes the same bytes or gets an error.
package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"longlora/internal/store"
	"longlora/internal/store/cloud/dataset"
	"longlora/pipeline/pool"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says what to copy.
type Options struct {
	// Workers is the number of files that are copied at once; 0 means DefaultWorkers.
	Workers int
	// Progress is called, by many goroutines, with bytes that were copied or checked; it may be nil.
	Progress func(bytes int64)
}

// DefaultWorkers keeps a line to an object store busy.
const DefaultWorkers = 8

func (o Options) workers() int {
	if o.Workers == 0 {
		return DefaultWorkers
	}
	return o.Workers
}

func (o Options) progress(n int64) {
	if o.Progress != nil {
		o.Progress(n)
	}
}

// Result is what was published.
type Result struct {
	// Location is what readers name: URL@sha256:DIGEST, or PATH@sha256:DIGEST.
	Location string
	Digest   string
	// Files and Bytes are the dataset's, Uploaded how many files were not there yet.
	Files, Uploaded int
	Bytes           int64
}

// publisher copies the files of one dataset.
type publisher struct {
	o     Options
	from  store.Store
	to    store.Store
	sums  map[string]string // SHA-256 of the shards, which were verified
	there map[string]int64  // sizes of what an earlier upload left
}

// Publish copies the dataset in a local folder to a folder under a location, a URL or a path. Every
// row is verified before.
func Publish(ctx context.Context, dir, location string, stores store.Options, o Options) (r Result,
	err error) {
	d, err := shard.OpenFiles(ctx, shard.Folder(dir))
	if err != nil {
		return r, err
	}
	if err := d.Verify(ctx); err != nil {
		return r, err
	}
	p := &publisher{o: o, sums: map[string]string{}, there: map[string]int64{}}
	for _, f := range d.Manifest().Files {
		p.sums[f.Path] = f.SHA256
	}
	r = Result{Location: location + "@sha256:" + d.Manifest().Digest, Digest: d.Manifest().Digest}
	if err := p.run(ctx, dir, store.Join(location, dataset.Folder(r.Digest)), stores, &r); err != nil {
		return r, fmt.Errorf("publish %s: %w", dir, err)
	}
	return r, nil
}

func (p *publisher) run(ctx context.Context, dir, to string, stores store.Options, r *Result) (
	err error) {
	if p.from, err = store.Open(ctx, dir, store.Options{}); err != nil {
		return err
	}
	if p.to, err = store.Open(ctx, to, stores); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.to.Close()) }()
	files, err := p.files(ctx)
	if err != nil {
		return err
	}
	if err := p.findEarlier(ctx); err != nil {
		return err
	}
	for _, f := range files {
		r.Files, r.Bytes = r.Files+1, r.Bytes+f.Size
		if _, ok := p.there[f.Name]; !ok {
			r.Uploaded++
		}
	}
	return p.copy(ctx, files)
}

// files lists the dataset's files with the manifest last.
func (p *publisher) files(ctx context.Context) (files []store.File, err error) {
	var manifest store.File
	for f, err := range p.from.Walk(ctx) {
		switch {
		case err != nil:
			return nil, err
		case f.Problem != "":
			return nil, fmt.Errorf("%s: %s", p.from.Place(f.Name), f.Problem)
		case f.Name == schemas.ManifestName:
			manifest = f
		default:
			files = append(files, f)
		}
	}
	return append(files, manifest), nil
}

// findEarlier finds what lies in the dataset's folder already.
func (p *publisher) findEarlier(ctx context.Context) error {
	for f, err := range p.to.Walk(ctx) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		p.there[f.Name] = f.Size
	}
	return nil
}

// copy copies all but the last file at once, and the last when they are right.
func (p *publisher) copy(ctx context.Context, files []store.File) error {
	last := len(files) - 1
	units := func(yield func(store.File, error) bool) {
		for _, f := range files[:last] {
			if !yield(f, nil) {
				return
			}
		}
	}
	err := pool.Each(ctx, p.o.workers(), units, func() func(context.Context, store.File) error {
		return p.file
	})
	if err != nil {
		return err
	}
	return p.file(ctx, files[last])
}

// file makes an object of a file unless it is there, and reads it back.
func (p *publisher) file(ctx context.Context, f store.File) error {
	if _, there := p.there[f.Name]; !there {
		if err := p.put(ctx, f.Name); err != nil {
			return err
		}
	}
	ours, err := p.sums[f.Name], error(nil)
	if ours == "" {
		ours, err = hashOf(ctx, p.from, f.Name)
	}
	if err != nil {
		return err
	}
	theirs, err := hashOf(ctx, p.to, f.Name)
	if err != nil {
		return err
	}
	if ours != theirs {
		return fmt.Errorf("%s holds something else (sha256 %.12s…, ours %.12s…): another dataset of the "+
			"same digest, with another name or report, is or was published there; choose another URL, "+
			"or remove the object", p.to.Place(f.Name), theirs, ours)
	}
	p.o.progress(f.Size)
	return nil
}

// put uploads a file. One that came in between is found right or wrong afterwards.
func (p *publisher) put(ctx context.Context, name string) error {
	at, err := p.from.OpenAt(ctx, name)
	if err != nil {
		return err
	}
	err = p.to.Put(ctx, name, at, at.Size())
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, at.Close())
}

func hashOf(ctx context.Context, s store.Store, name string) (_ string, err error) {
	r, err := s.Open(ctx, name, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
