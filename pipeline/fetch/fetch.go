// Package fetch downloads corpora by recipes: files with pinned addresses and hashes, unpacked,
// cleaned, and each with the licence that it comes under.
//
// What a recipe cannot pin, the lock file does: the first download of an address writes down its size
// and SHA-256, and every later one must give the same.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"longlora/internal/atomicfile"
	"longlora/internal/store"
	"longlora/pipeline/pool"
	"longlora/pipeline/source"
)

// Options says what to download.
type Options struct {
	Recipe *Recipe
	// Parameters overrule the recipe's own.
	Parameters map[string]string
	// Out is the folder to fill. Files that are there and right are not downloaded again.
	Out string
	// Lock is the lock file; empty means LockName in Out.
	Lock string
	// RequireLock refuses what neither the recipe nor the lock file pins.
	RequireLock bool
	// Workers is the number of downloads at once, PerHost how many of those may go to one host; 0
	// means the defaults.
	Workers, PerHost int
	// Retry says how often a failed download is tried again; zero means store.DefaultRetry.
	Retry store.Retry
	// Client makes the requests; nil means one that follows redirects to http and https.
	Client *http.Client
	// Progress is called, by many goroutines, with bytes that came; it may be nil.
	Progress func(bytes int64)
}

// The defaults of Options, kind to the hosts.
const (
	DefaultWorkers = 8
	DefaultPerHost = 2
)

// LockName is the lock file's usual name.
const LockName = "fetch.lock"

// workName is the folder within Out that holds what is not whole yet.
const workName = ".fetch"

// Result sums a run up.
type Result struct {
	// Files are those in the folder now, Downloads what was not there yet, Pinned how many addresses
	// were written to the lock file for the first time.
	Files, Downloads, Pinned int
	Bytes                    int64 // that came over the network
}

// Validate reports every problem at once.
func (o Options) Validate() error {
	errs := []error{o.Recipe.checkParameters(o.Parameters)}
	if o.Out == "" {
		errs = append(errs, errors.New("there is no output folder"))
	}
	if o.Workers < 0 || o.PerHost < 0 {
		errs = append(errs, fmt.Errorf("%d workers, %d a host", o.Workers, o.PerHost))
	}
	return errors.Join(errs...)
}

// run is one run of a recipe.
type run struct {
	o      Options
	work   string
	lock   *lock
	loader *loader

	mu      sync.Mutex
	origins map[string]source.Origin // by file
	result  Result
}

// Run downloads what is missing. A run that was cut off goes on where it was.
func Run(ctx context.Context, o Options) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, fmt.Errorf("fetch: %w", err)
	}
	if o.Lock == "" {
		o.Lock = filepath.Join(o.Out, LockName)
	}
	o.Out = filepath.Clean(o.Out)
	if err := os.MkdirAll(filepath.Join(o.Out, workName), 0o777); err != nil {
		return Result{}, fmt.Errorf("fetch: %w", err)
	}
	release, err := atomicfile.Lock(o.Out)
	if err != nil {
		return Result{}, fmt.Errorf("fetch: %w", err)
	}
	r := &run{o: o, work: filepath.Join(o.Out, workName), origins: map[string]source.Origin{}}
	err = r.all(ctx)
	if err = errors.Join(err, release()); err != nil {
		return r.result, fmt.Errorf("fetch %s: %w", o.Recipe.Name, err)
	}
	return r.result, nil
}

func (r *run) all(ctx context.Context) (err error) {
	if r.lock, err = readLock(r.o.Lock, r.o.RequireLock); err != nil {
		return err
	}
	r.loader = newLoader(r.o, r.work, r.lock)
	if err := r.readOrigins(); err != nil {
		return err
	}
	items, err := r.expand(ctx)
	if err != nil {
		return err
	}
	jobs := func(yield func(Item, error) bool) {
		for _, it := range items {
			if !yield(it, nil) {
				return
			}
		}
	}
	workers := r.o.Workers
	if workers == 0 {
		workers = DefaultWorkers
	}
	err = pool.Each(ctx, workers, jobs, func() func(context.Context, Item) error { return r.item })
	// what is there is written down even if something failed, so that the next run need not fetch it
	r.result.Files, r.result.Pinned, r.result.Bytes = len(r.origins), r.lock.added, r.loader.bytes.Load()
	if err == nil {
		err = os.Remove(r.work) // nothing is left in it
	}
	return errors.Join(err, r.lock.write(), r.writeOrigins(err == nil, items))
}

// item brings one item's files into the folder, unless they are there.
func (r *run) item(ctx context.Context, it Item) error {
	if r.isThere(it) {
		return nil
	}
	path, err := r.loader.load(ctx, it)
	if err != nil {
		return err
	}
	origins, err := r.unpack(ctx, it, path)
	if err != nil {
		return fmt.Errorf("%s: %w", it.URL, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range origins {
		r.origins[o.File] = o
	}
	r.result.Downloads++
	return os.Remove(path)
}

// isThere reports whether all files that an item gave in an earlier run are there and right.
func (r *run) isThere(it Item) bool {
	pinned, ok := r.lock.get(it.URL)
	if !ok || it.SHA256 != "" && it.SHA256 != pinned.SHA256 {
		return false
	}
	r.mu.Lock()
	var files []source.Origin
	for _, o := range r.origins {
		if o.Fetched == it.URL && o.Recipe == it.digest() {
			files = append(files, o)
		}
	}
	r.mu.Unlock()
	for _, o := range files {
		if sum, err := hashFile(filepath.Join(r.o.Out, filepath.FromSlash(o.File))); err != nil ||
			sum != o.SHA256 {
			return false
		}
	}
	return len(files) > 0
}
