package store

import (
	"errors"
	"os"
)

// draft is a file under construction in a folder. Where the system can, it has no name until it is
// whole: then nothing is left of it when the process is killed.
type draft struct {
	*os.File
	unnamed bool
}

func newDraft(dir string) (draft, error) {
	if f, err := createUnnamed(dir); err == nil {
		return draft{f, true}, nil
	}
	f, err := os.CreateTemp(dir, ".put-*")
	return draft{f, false}, err
}

// publish gives the file its name, which fails if there is one.
func (d draft) publish(path string) error {
	if d.unnamed {
		return nameFile(d.File, path)
	}
	return os.Link(d.Name(), path)
}

// discard closes the file and removes the name that it had before.
func (d draft) discard() error {
	err := d.Close()
	if !d.unnamed {
		err = errors.Join(err, os.Remove(d.Name()))
	}
	return err
}
