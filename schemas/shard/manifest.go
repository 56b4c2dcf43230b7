package shard

import (
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
	config, err := json.Marshal(m.Config) // maps marshal with sorted keys
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	m.ConfigDigest = digestOf(config)
	m.Digest = datasetDigest(m)
	return nil
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
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
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeCompanions writes all that a dataset holds beside its data.
func (b *Builder) writeCompanions(m *schemas.Manifest) error {
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	croissant, err := croissantOf(m)
	if err != nil {
		return err
	}
	files := []struct {
		name string
		data []byte
	}{
		{"README.md", cardOf(m, b.options.Card)}, {"croissant.json", croissant},
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
	dir := filepath.Join(b.partial, "reject")
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	return b.rejects.write(filepath.Join(dir, "rejected.jsonl"))
}

// readManifest reads and checks what stands in a dataset directory.
func readManifest(dir string) (*schemas.Manifest, error) {
	name := filepath.Join(dir, schemas.ManifestName)
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is no dataset: it has no %s; a build that was cut off leaves none, "+
			"run it again", dir, schemas.ManifestName)
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

func parseManifest(data []byte) (*schemas.Manifest, error) {
	var m schemas.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("not a manifest: %w", err)
	}
	if m.SchemaVersion != schemas.Version {
		return nil, fmt.Errorf("schema version %d, this build reads version %d; build the dataset again",
			m.SchemaVersion, schemas.Version)
	}
	switch m.Kind {
	case schemas.KindDocument, schemas.KindExample, schemas.KindSequence:
	default:
		return nil, fmt.Errorf("unknown kind %q", m.Kind)
	}
	for _, f := range m.Files {
		if clean := path.Clean(f.Path); clean != f.Path || path.IsAbs(clean) ||
			strings.HasPrefix(clean, "..") || f.Rows < 0 || f.Tokens < 0 || f.Bytes < 0 {
			return nil, fmt.Errorf("file %q has an unusable path or a negative count", f.Path)
		}
	}
	if want := datasetDigest(&m); m.Digest != want {
		return nil, fmt.Errorf("digest %.12s does not fit the content listed (%.12s): the manifest was "+
			"changed by hand", m.Digest, want)
	}
	return &m, nil
}
