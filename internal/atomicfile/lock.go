package atomicfile

import (
	"errors"
	"fmt"
	"os"
)

// lock is an advisory lock on a file, held until release or the process's end.
type lock struct {
	file *os.File
	path string
}

// acquire takes the lock or fails at once. The holder removes the file before it lets go, so a lock
// won on a file that is no longer at its path counts for nothing and is tried again.
func acquire(path string) (*lock, error) {
	for range 100 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return nil, err
		}
		if err := tryLock(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		mine, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return &lock{f, path}, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the lock %s keeps changing hands", path)
}

func (l *lock) release() error {
	return errors.Join(os.Remove(l.path), l.file.Close())
}

// Lock takes the lock of path for something longer than one write, as a run that writes into a
// directory again and again. It fails at once with ErrLocked if another process holds it.
func Lock(path string) (release func() error, err error) {
	l, err := acquire(path + lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return l.release, nil
}
