package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// readIDs reads a file with one JSON array of token ids; "-" is in.
func readIDs(path string, in io.Reader) ([]int32, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(in)
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("ids: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	var ids []int32
	if err := d.Decode(&ids); err != nil {
		return nil, fmt.Errorf("ids %s: want one JSON array of integers: %w", path, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("ids %s: something follows the first array", path)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("ids %s: the array is empty", path)
	}
	return ids, nil
}
