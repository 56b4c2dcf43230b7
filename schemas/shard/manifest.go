package shard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"longlora/schemas"
)

// tokenizerName is the copy of the tokenizer in a dataset of sequences.
const tokenizerName = "tokenizer.json"

// sealManifest fills in the digests.
func sealManifest(m *schemas.Manifest) error {
	if m.Config == nil {
		m.Config = map[string]any{}
	}
	config, err := json.Marshal(m.Config)
	if err == nil {
		m.ConfigDigest, err = configDigest(config)
	}
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	m.Digest = datasetDigest(m)
	return nil
}

// configDigest hashes a JSON value with its keys sorted, its spaces gone and its numbers as written.
func configDigest(data []byte) (string, error) {
	var value any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return "", err
	}
	sorted, err := json.Marshal(value) // maps marshal with sorted keys
	sum := sha256.Sum256(sorted)
	return hex.EncodeToString(sum[:]), err
}

// datasetDigest covers kind, content, tokenizer and configuration.
func datasetDigest(m *schemas.Manifest) string {
	h := sha256.New()
	fmt.Fprintf(h, "version %d\nkind %s\nconfig %s\n", m.SchemaVersion, m.Kind, m.ConfigDigest)
	if m.Tokenizer != nil {
		fmt.Fprintf(h, "tokenizer %s\n", m.Tokenizer.Digest)
	}
	for _, f := range m.Files {
		fmt.Fprintf(h, "file %s %s\n", f.Path, f.SHA256)
		for _, b := range f.Blocks {
			fmt.Fprintf(h, "block %d %d %d %s\n", b.Rows, b.Tokens, b.Bytes, b.SHA256)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeCompanions writes all that a dataset holds beside its data.
func (b *Builder) writeCompanions(m *schemas.Manifest) error {
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	croissant, err := croissantOf(m, b.options.HFColumns)
	if err != nil {
		return err
	}
	files := []struct {
		name string
		data []byte
	}{
		{"README.md", cardOf(m, b.options.Card, b.pictures)}, {"croissant.json", croissant},
		{tokenizerName, b.options.TokenizerFile},
		{schemas.ManifestName, append(manifest, '\n')},
	}
	for _, f := range files {
		if f.name == tokenizerName && f.data == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(b.partial, f.name), f.data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// mostManifest bounds a manifest, in bytes.
const mostManifest = 1 << 30

// readManifest reads and checks what stands in a dataset directory.
func readManifest(ctx context.Context, files Files) (*schemas.Manifest, error) {
	data, err := readAll(ctx, files, schemas.ManifestName, mostManifest)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is no dataset: it has no %s; a build that was cut off leaves none, "+
			"run it again", files, schemas.ManifestName)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", files, err)
	}
	m, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", files, schemas.ManifestName, err)
	}
	return m, nil
}

func parseManifest(data []byte) (*schemas.Manifest, error) {
	var m schemas.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("not a manifest: %w; copy it again or rebuild", err)
	}
	if err := checkVersion(m.SchemaVersion); err != nil {
		return nil, err
	}
	switch m.Kind {
	case schemas.KindDocument, schemas.KindExample, schemas.KindSequence:
	default:
		return nil, fmt.Errorf("unknown kind %q", m.Kind)
	}
	for _, f := range m.Files {
		if err := errors.Join(checkFile(f), checkBlocks(f, m.SchemaVersion)); err != nil {
			return nil, err
		}
	}
	var raw struct{ Config json.RawMessage }
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	return &m, checkDigests(&m, raw.Config)
}

// checkFile requires a path inside the dataset that says the file's split, as foreign readers find
// it: the digest covers the path.
func checkFile(f schemas.File) error {
	if path.Clean(f.Path) != f.Path || path.Dir(f.Path) != "data" || f.Rows < 0 || f.Tokens < 0 ||
		f.Bytes < 0 {
		return fmt.Errorf("file %q has an unusable path or a negative count", f.Path)
	}
	if !strings.HasPrefix(path.Base(f.Path), f.Split+"-") {
		return fmt.Errorf("file %q is listed under the split %q%s", f.Path, f.Split, changedByHand)
	}
	return nil
}

func checkVersion(v int) error {
	switch {
	case v > schemas.Version:
		return fmt.Errorf("schema version %d is newer than the versions %d to %d that this build reads; "+
			"read it with the release that wrote it, or a later one", v, schemas.OldestVersion,
			schemas.Version)
	case v < schemas.OldestVersion:
		return fmt.Errorf("schema version %d, this build reads versions %d to %d; build the dataset again",
			v, schemas.OldestVersion, schemas.Version)
	}
	return nil
}

// magicBytes stand before a file's first block.
const magicBytes = 4

// checkBlocks requires that blocks tile the file's rows and tokens and fit into its bytes.
func checkBlocks(f schemas.File, version int) error {
	if version < 2 {
		if len(f.Blocks) > 0 {
			return fmt.Errorf("file %q has blocks in a manifest of version %d%s", f.Path, version,
				changedByHand)
		}
		return nil
	}
	left := schemas.Block{Rows: f.Rows, Tokens: f.Tokens, Bytes: f.Bytes - magicBytes - footerBytes}
	for i, b := range f.Blocks {
		if b.Rows <= 0 || b.Tokens < 0 || b.Bytes <= 0 || b.Rows > left.Rows || b.Tokens > left.Tokens ||
			b.Bytes > left.Bytes {
			return fmt.Errorf("file %q: block %d (%d rows, %d tokens, %d bytes) is not within the file%s",
				f.Path, i, b.Rows, b.Tokens, b.Bytes, changedByHand)
		}
		left.Rows, left.Tokens, left.Bytes = left.Rows-b.Rows, left.Tokens-b.Tokens, left.Bytes-b.Bytes
	}
	if left.Rows != 0 || left.Tokens != 0 {
		return fmt.Errorf("file %q: its blocks leave %d rows and %d tokens%s", f.Path, left.Rows,
			left.Tokens, changedByHand)
	}
	return nil
}

// changedByHand ends errors about a manifest that does not fit itself.
const changedByHand = ": the manifest was changed by hand; copy it again or rebuild"

func checkDigests(m *schemas.Manifest, config []byte) error {
	want, err := configDigest(config)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if m.ConfigDigest != want {
		return fmt.Errorf("config_digest %.12s does not fit the config (%.12s)%s",
			m.ConfigDigest, want, changedByHand)
	}
	if want := datasetDigest(m); m.Digest != want {
		return fmt.Errorf("digest %.12s does not fit the content listed (%.12s)%s",
			m.Digest, want, changedByHand)
	}
	return nil
}
