package shard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"longlora/schemas"
)

// Migrate raises the dataset in a folder to the version that this build writes and returns its new
// manifest. Row files stay as they are, byte by byte; the digest changes, for it covers the version.
// Everything is verified before; the manifest is replaced last, by a rename. A dataset of this version
// is left alone.
func Migrate(ctx context.Context, dir string) (*schemas.Manifest, error) {
	d, err := Open(dir)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	if d.manifest.SchemaVersion == schemas.Version {
		return d.manifest, nil
	}
	l, err := acquire(dir + ".lock")
	if err != nil {
		return nil, fmt.Errorf("migrate %s: %w", dir, err)
	}
	m, err := d.migrate(ctx, Folder(dir))
	if err := errors.Join(err, l.release()); err != nil {
		return nil, fmt.Errorf("migrate %s: %w", dir, err)
	}
	return m, nil
}

func (d *Dataset) migrate(ctx context.Context, folder Folder) (*schemas.Manifest, error) {
	if err := d.Verify(ctx); err != nil {
		return nil, err
	}
	m := *d.manifest
	m.SchemaVersion, m.Files = schemas.Version, slices.Clone(m.Files)
	for i := range m.Files {
		if err := d.addBlocks(ctx, &m.Files[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Files[i].Path, err)
		}
	}
	m.Digest = datasetDigest(&m)
	return &m, d.rewrite(folder, &m)
}

// addBlocks names a file's row groups. They must tile the file as this build writes it.
func (d *Dataset) addBlocks(ctx context.Context, f *schemas.File) (err error) {
	p, err := d.open(ctx, *f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	next := int64(magicBytes)
	for i, g := range p.Metadata().RowGroups {
		begin, size := groupExtent(g)
		if begin != next {
			return fmt.Errorf("row group %d begins at byte %d, the one before ends at %d; build the "+
				"dataset again", i, begin, next)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, io.NewSectionReader(p.file, begin, size)); err != nil {
			return err
		}
		next += size
		f.Blocks = append(f.Blocks, schemas.Block{
			Rows: g.NumRows, Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil)),
		})
	}
	if err := d.countTokens(p, f); err != nil {
		return err
	}
	return checkBlocks(*f, schemas.Version)
}

// countTokens sums the tokens of each row group.
func (d *Dataset) countTokens(p *parquetFile, f *schemas.File) error {
	if d.manifest.Kind == schemas.KindDocument {
		return nil
	}
	leaf, ok := p.Schema().Lookup("n_tokens")
	if !ok {
		return errors.New("column n_tokens is missing")
	}
	for i, g := range p.RowGroups() {
		tokens, err := sumColumn(g.ColumnChunks()[leaf.ColumnIndex])
		if err != nil {
			return fmt.Errorf("row group %d: %w", i, err)
		}
		f.Blocks[i].Tokens = tokens
	}
	return nil
}

// rewrite replaces what names the digest: card and description first, the manifest last.
func (d *Dataset) rewrite(folder Folder, m *schemas.Manifest) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	for _, name := range []string{"README.md", "croissant.json"} {
		old, err := os.ReadFile(folder.path(name))
		if err != nil {
			return err
		}
		renamed := bytes.ReplaceAll(old, []byte(d.manifest.Digest), []byte(m.Digest))
		if err := replace(folder.path(name), renamed); err != nil {
			return err
		}
	}
	return replace(folder.path(schemas.ManifestName), append(data, '\n'))
}

// replace writes a file under another name and renames it.
func replace(path string, data []byte) error {
	partial := path + ".partial"
	if err := os.WriteFile(partial, data, 0o666); err != nil {
		return err
	}
	if err := syncFile(partial); err != nil {
		return err
	}
	return os.Rename(partial, path)
}
