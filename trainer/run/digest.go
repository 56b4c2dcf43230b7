package run

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"

	"longlora/trainer/hf"
)

// tokenizerDigests returns the sha256 of the tokenizer files in a model folder.
func tokenizerDigests(fsys fs.FS) (digests []string) {
	for _, name := range []string{"tokenizer.json", "tokenizer.model"} {
		if data, err := fs.ReadFile(fsys, name); err == nil {
			sum := sha256.Sum256(data)
			digests = append(digests, hex.EncodeToString(sum[:]))
		}
	}
	return digests
}

// modelDigest returns the sha256 of a model folder's configuration and weights.
func modelDigest(fsys fs.FS) (string, error) {
	weights, err := fs.Glob(fsys, "*.safetensors") // sorted
	if err != nil {
		return "", err
	}
	return filesDigest(fsys, "base model", append([]string{hf.ConfigName}, weights...))
}

// filesDigest returns the sha256 of files' names and contents; what calls them in errors.
func filesDigest(fsys fs.FS, what string, names []string) (string, error) {
	all := sha256.New()
	for _, name := range names {
		f, err := fsys.Open(name)
		if err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		f.Close() //nolint:errcheck // only read
		if err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		fmt.Fprintf(all, "%s %x\n", path.Base(name), sum.Sum(nil))
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}
