package shard

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"

	"longlora/schemas"
)

// Options describes a dataset to build.
type Options struct {
	Kind schemas.Kind
	Name string
	// Overwrite replaces a dataset that stands at the target, in the moment of publishing.
	Overwrite bool
	// Config is all that the rows depend on beside their parents and the tokenizer. It must not
	// hold clock, host, paths or a number of workers.
	Config    map[string]any
	Tokenizer *schemas.TokenizerRef
	// TokenizerFile is copied into the dataset as tokenizer.json.
	TokenizerFile []byte
	Parents       []schemas.Parent
	Card          Card
	// Draw, if not nil, makes the card's pictures of a manifest that lacks only its companions. Their
	// bytes must be a pure function of it.
	Draw func(*schemas.Manifest) ([]Picture, error)
	// HFColumns adds the columns labels, position_ids and attention_mask to sequences. Config must say
	// so.
	HFColumns bool
}

// Builder is a dataset under construction. Its methods may be called concurrently.
type Builder struct {
	dir, partial string
	options      Options
	lock         *lock

	mu      sync.Mutex
	files   map[fileKey]*finished
	open    map[fileKey]*os.File
	rejects *rejectList
	report  map[string]any
	done    bool

	companions []schemas.Companion
	pictures   []Picture
	dropped    map[int]droppedFile
}

type fileKey struct {
	split string
	index int
}

// finished is a written file that has not got its final name yet.
type finished struct {
	file    schemas.File
	mixture map[mixtureKey]*schemas.MixturePart
	lengths *lengths
}

// ErrExists reports that the target is there already.
var ErrExists = errors.New("already exists")

// url is how a URL begins, be it as filepath.Clean leaves it.
var url = regexp.MustCompile(`^[a-z][a-z0-9+.-]+:/`)

// Create begins a dataset that Publish will put at dir. What a killed run left behind is cleared;
// a second writer to the same target is refused.
func Create(dir string, o Options) (*Builder, error) {
	if url.MatchString(dir) {
		return nil, fmt.Errorf("dataset %s: datasets are made in folders of this machine; make it in one and "+
			"copy it there with pipeline publish", dir)
	}
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return nil, fmt.Errorf("dataset %s: %w", dir, err)
	}
	l, err := acquire(dir + ".lock")
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", dir, err)
	}
	b := &Builder{
		dir: dir, partial: dir + ".partial", options: o, lock: l,
		files: map[fileKey]*finished{}, open: map[fileKey]*os.File{}, report: map[string]any{},
		dropped: map[int]droppedFile{},
	}
	b.rejects = &rejectList{dir: b.scratch(), most: rejectRun, counts: map[string]int64{}}
	if err := b.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("dataset %s: %w", dir, err), l.release())
	}
	return b, nil
}

func (b *Builder) prepare() error {
	if err := b.recoverSwap(); err != nil {
		return err
	}
	if entries, err := os.ReadDir(b.dir); err == nil && len(entries) > 0 {
		if !b.options.Overwrite {
			return fmt.Errorf("the directory %w and is not empty; choose another or overwrite it",
				ErrExists)
		}
		if _, err := os.Stat(filepath.Join(b.dir, schemas.ManifestName)); err != nil {
			return fmt.Errorf("the directory holds no dataset, so it is not overwritten; "+
				"remove it by hand or choose another: %w", err)
		}
	}
	if err := os.RemoveAll(b.partial); err != nil {
		return err
	}
	for _, dir := range []string{
		filepath.Join(b.partial, "data"), filepath.Join(b.partial, rejectDir), b.Scratch(),
	} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) scratch() string { return filepath.Join(b.partial, "scratch") }

// recoverSwap finishes what a run that was killed between Publish's two renames began.
func (b *Builder) recoverSwap() error {
	old := b.dir + ".old"
	if _, err := os.Stat(old); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(b.dir); errors.Is(err, os.ErrNotExist) {
		return os.Rename(old, b.dir)
	}
	return os.RemoveAll(old)
}

// Scratch is a directory for files that a build needs on its way. It goes when the dataset is
// published or aborted.
func (b *Builder) Scratch() string { return filepath.Join(b.scratch(), "build") }

// Reject records an input that does not become a row. The list is sorted when it is published; it
// takes constant memory. Reasons are few and shared by many inputs, details are an input's own.
func (b *Builder) Reject(id, reason, detail string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	valid := func(s string) string { return strings.ToValidUTF8(s, "\ufffd") } // as JSON writes it
	b.rejects.add(rejected{valid(id), reason, valid(detail)})
}

// Rejected returns the number of rejected inputs so far, by reason.
func (b *Builder) Rejected() map[string]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.rejects.counts)
}

// Report puts a value into the manifest's report. It must be a pure function of the input.
func (b *Builder) Report(key string, value any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.report[key] = value
}

// Describe sets the card, where it depends on what was built.
func (b *Builder) Describe(c Card) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.options.Card = c
}

// Abort removes what was written. It does nothing after Publish or a first Abort, so it may be
// deferred.
func (b *Builder) Abort() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return nil
	}
	b.done = true
	for _, f := range b.open {
		f.Close() //nolint:errcheck // the file goes anyway
	}
	return errors.Join(os.RemoveAll(b.partial), b.lock.release())
}

// Publish names the files, writes manifest, card and rejects, syncs everything and moves the dataset
// into place. On an error nothing is published and the Builder can only be aborted.
func (b *Builder) Publish() (*schemas.Manifest, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return nil, fmt.Errorf("dataset %s: published or aborted before", b.dir)
	}
	if len(b.open) > 0 {
		return nil, fmt.Errorf("dataset %s: %d files are still open", b.dir, len(b.open))
	}
	m, err := b.manifest()
	if err == nil {
		err = b.writeRejects(m)
	}
	if err == nil {
		err = b.drawPictures(m)
	}
	if err == nil {
		err = b.writeCompanions(m)
	}
	if err == nil {
		err = os.RemoveAll(b.scratch())
	}
	if err == nil {
		err = b.swap()
	}
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", b.dir, err)
	}
	b.done = true
	return m, b.lock.release()
}

// manifest gives the files their final names and sums them up.
func (b *Builder) manifest() (*schemas.Manifest, error) {
	keys := make([]fileKey, 0, len(b.files))
	perSplit := map[string]int{}
	for k := range b.files {
		keys = append(keys, k)
		perSplit[k.split]++
	}
	sort.Slice(keys, func(i, j int) bool {
		if keys[i].split != keys[j].split {
			return keys[i].split < keys[j].split
		}
		return keys[i].index < keys[j].index
	})
	m := &schemas.Manifest{
		SchemaVersion: schemas.Version, Kind: b.options.Kind, Name: b.options.Name,
		Tokenizer: b.options.Tokenizer, Config: b.options.Config, Parents: b.options.Parents,
		Report: b.report, Rejected: b.rejects.counts, Files: []schemas.File{},
	}
	mixture := map[mixtureKey]*schemas.MixturePart{}
	number, all := map[string]int{}, lengths{}
	for _, k := range keys {
		f := b.files[k]
		name := fmt.Sprintf("data/%s-%05d-of-%05d.parquet", k.split, number[k.split], perSplit[k.split])
		number[k.split]++
		err := os.Rename(filepath.Join(b.partial, f.file.Path), filepath.Join(b.partial, name))
		if err != nil {
			return nil, err
		}
		f.file.Path = name
		m.Files = append(m.Files, f.file)
		for key, part := range f.mixture {
			addPart(mixture, key, part.Rows, part.Tokens)
		}
		all.merge(f.lengths)
	}
	m.Mixture, m.Lengths = sortedMixture(mixture), all.list()
	return m, sealManifest(m)
}

// swap puts the finished directory in place. Between its two renames neither name is there; the
// next Create then moves the old one back.
func (b *Builder) swap() error {
	if err := syncTree(b.partial); err != nil {
		return err
	}
	old := b.dir + ".old"
	if b.options.Overwrite {
		if err := os.Rename(b.dir, old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	} else if err := os.Remove(b.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // an empty directory may stand there
	}
	if err := os.Rename(b.partial, b.dir); err != nil {
		return err
	}
	if err := syncFile(filepath.Dir(b.dir)); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncFile(path)
	})
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
