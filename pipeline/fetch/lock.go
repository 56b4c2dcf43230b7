package fetch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"longlora/internal/atomicfile"
)

// pin is what an address must give.
type pin struct {
	SHA256 string
	Size   int64
}

// lock is the lock file: "sha256:HEX SIZE URL" a line, sorted by address.
type lock struct {
	path     string
	required bool

	mu    sync.Mutex
	pins  map[string]pin
	added int
}

// readLock reads a lock file; one that is not there is empty.
func readLock(path string, required bool) (*lock, error) {
	l := &lock{path: path, required: required, pins: map[string]pin{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	s := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; s.Scan(); n++ {
		if s.Text() == "" {
			continue
		}
		var p pin
		var url string
		_, err := fmt.Sscanf(s.Text(), "sha256:%64s %d %s", &p.SHA256, &p.Size, &url)
		if err != nil || !sumForm.MatchString(p.SHA256) || l.pins[url] != (pin{}) && l.pins[url] != p {
			return nil, fmt.Errorf("%s:%d: not a line of a lock file, or against another: %s", path, n,
				s.Text())
		}
		l.pins[url] = p
	}
	return l, s.Err()
}

func (l *lock) get(url string) (pin, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.pins[url]
	return p, ok
}

// want returns what a download must be, from the recipe and the lock file; an empty SHA256 means that
// nobody knows yet.
func (l *lock) want(it Item) (pin, error) {
	p, ok := l.get(it.URL)
	switch {
	case ok && it.SHA256 != "" && it.SHA256 != p.SHA256:
		return p, fmt.Errorf("%s: the recipe pins sha256 %s, %s has %s; remove its line there if the "+
			"recipe is right", it.URL, it.SHA256, l.path, p.SHA256)
	case ok:
		return p, nil
	case it.SHA256 == "" && l.required:
		return p, fmt.Errorf("%s is pinned neither by the recipe nor in %s; fetch once without "+
			"--require-lock, look at what came, and keep the lock file", it.URL, l.path)
	}
	return pin{it.SHA256, it.Bytes}, nil
}

// add writes down what an address gave.
func (l *lock) add(url string, p pin) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.pins[url]; !ok {
		l.pins[url] = p
		l.added++
	}
}

// write writes the lock file if something was added.
func (l *lock) write() error {
	if l.added == 0 {
		return nil
	}
	var text strings.Builder
	for _, url := range slices.Sorted(maps.Keys(l.pins)) {
		fmt.Fprintf(&text, "sha256:%s %d %s\n", l.pins[url].SHA256, l.pins[url].Size, url)
	}
	return atomicfile.Write(l.path, []byte(text.String()))
}
