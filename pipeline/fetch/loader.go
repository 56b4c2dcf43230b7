package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"longlora/internal/store"
)

// loader downloads files into a folder and checks them.
type loader struct {
	dir      string
	lock     *lock
	client   *http.Client
	retry    store.Retry
	progress func(int64)
	bytes    atomic.Int64

	perHost int
	mu      sync.Mutex
	hosts   map[string]chan struct{} // a place for each download that a host may have
}

func newLoader(o Options, dir string, l *lock) *loader {
	r := &loader{
		dir: dir, lock: l, client: o.Client, retry: o.Retry, progress: o.Progress, perHost: o.PerHost,
		hosts: map[string]chan struct{}{},
	}
	if r.client == nil {
		r.client = &http.Client{CheckRedirect: checkRedirect}
	}
	if r.retry == (store.Retry{}) {
		r.retry = store.DefaultRetry()
	}
	if r.perHost == 0 {
		r.perHost = DefaultPerHost
	}
	return r
}

// checkRedirect follows a few redirects, but never from a safe line to an open one.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("more than 10 redirects")
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("a redirect to %s leaves https", req.URL)
	}
	return nil
}

// load downloads an item and returns the path of what came, whole and with the right hash.
func (l *loader) load(ctx context.Context, it Item) (path string, err error) {
	want, err := l.lock.want(it)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(it.URL))
	path = filepath.Join(l.dir, hex.EncodeToString(sum[:16]))
	var got pin
	for _, address := range append([]string{it.URL}, it.Mirrors...) {
		var failed error
		if got, failed = l.complete(ctx, address, path, want); failed == nil {
			err = nil
			break
		}
		err = errors.Join(err, failed)
		if ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return "", err
	}
	l.lock.add(it.URL, got)
	return path, os.Remove(path + stateSuffix)
}

// stateSuffix ends the name of the file that says what a partial download belongs to.
const stateSuffix = ".state"

// state is what must be the same for a download to go on.
type state struct {
	Address string `json:"address"`
	// Validator is the entity tag, or else the time of the last change.
	Validator string `json:"validator"`
}

// complete downloads an address to its end and compares it with what it should be. Content that comes
// out wrong is removed.
func (l *loader) complete(ctx context.Context, address, path string, want pin) (pin, error) {
	if err := l.transfer(ctx, address, path); err != nil {
		return pin{}, fmt.Errorf("%s: %w", address, err)
	}
	sum, err := hashFile(path)
	if err != nil {
		return pin{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return pin{}, err
	}
	got := pin{sum, info.Size()}
	if want.SHA256 != "" && got.SHA256 != want.SHA256 || want.Size != 0 && got.Size != want.Size {
		err := fmt.Errorf("%s gave %d bytes with sha256 %s, pinned are %d with %s: the file changed "+
			"upstream or is not what it should be; take the new one by changing the pin in the recipe or "+
			"its line in %s", address, got.Size, got.SHA256, want.Size, want.SHA256, l.lock.path)
		return pin{}, errors.Join(err, os.Remove(path), os.Remove(path+stateSuffix))
	}
	return got, nil
}

// transfer downloads an address, connection after connection, until it is whole.
func (l *loader) transfer(ctx context.Context, address, path string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if err := l.enter(ctx, u.Host); err != nil {
		return err
	}
	defer l.leave(u.Host)
	for failed := 0; ; {
		before := sizeOf(path)
		again, err := l.connect(ctx, address, path)
		if err == nil || !again || ctx.Err() != nil {
			return err
		}
		if failed++; sizeOf(path) > before {
			failed = 1
		}
		if failed >= l.retry.Tries {
			return fmt.Errorf("%w (%d tries)", err, failed)
		}
		if err := l.wait(ctx, failed, err); err != nil {
			return err
		}
	}
}

// enter waits for a place at a host.
func (l *loader) enter(ctx context.Context, host string) error {
	l.mu.Lock()
	places := l.hosts[host]
	if places == nil {
		places = make(chan struct{}, l.perHost)
		l.hosts[host] = places
	}
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case places <- struct{}{}:
		return nil
	}
}

func (l *loader) leave(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	<-l.hosts[host]
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// readState returns what a partial download belongs to; nothing, if it cannot be gone on with.
func readState(path, address string) state {
	data, err := os.ReadFile(path + stateSuffix)
	var s state
	if err != nil || json.Unmarshal(data, &s) != nil || s.Address != address {
		return state{}
	}
	return s
}

// writeState must come before the first byte of the content that it describes.
func writeState(path string, s state) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path+stateSuffix, data, 0o666)
}

func hashFile(path string) (_ string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
