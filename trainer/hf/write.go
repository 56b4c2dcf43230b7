package hf

import (
	"errors"
	"os"
	"path/filepath"

	"longlora/trainer/safetensors"
)

// Write fills the directory dir with a model: config.json, longlora.json and weights, in files of
// at most maxFile bytes (0: safetensors.MaxFileBytes). dir should be one of atomicfile.CreateDir.
func Write(dir string, c Config, n Notes, weights []safetensors.Tensor, maxFile int64) error {
	return errors.Join(
		WriteConfig(dir, c.Unquantised(), n),
		safetensors.WriteFolder(dir, map[string]string{"format": "pt"}, weights, maxFile),
	)
}

// WriteConfig writes a config.json and a longlora.json alone, as adapter folders have them.
func WriteConfig(dir string, c Config, n Notes) error {
	config, err := c.Encode()
	if err != nil {
		return err
	}
	notes, err := n.Encode()
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, ConfigName), config, 0o666),
		os.WriteFile(filepath.Join(dir, NotesName), notes, 0o666),
	)
}
