package contract

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"longlora/internal/store"
)

func folder(root string) Open {
	return func(ctx context.Context, name string) (store.Store, error) {
		return store.Open(ctx, filepath.Join(root, filepath.FromSlash(name)), store.Options{})
	}
}

func TestFolder(t *testing.T) {
	if err := Check(context.Background(), folder(t.TempDir()), Options{Large: 3_000_000, Many: 20}); err != nil {
		t.Error(err)
	}
}

// forgetful replaces what is there.
type forgetful struct{ store.Store }

func (f forgetful) Put(ctx context.Context, name string, content io.ReaderAt, size int64) error {
	f.Remove(ctx, name) //nolint:errcheck // it may not be there
	return f.Store.Put(ctx, name, content, size)
}

// off reads a byte too late.
type off struct{ store.Store }

func (o off) OpenRange(ctx context.Context, name string, offset, length int64) (store.Reader, error) {
	return o.Store.OpenRange(ctx, name, offset+1, length)
}

func TestBreachesAreFound(t *testing.T) {
	for want, broken := range map[string]func(store.Store) store.Store{
		"a second file of a name": func(s store.Store) store.Store { return forgetful{s} },
		"bytes at 0 are":          func(s store.Store) store.Store { return off{s} },
	} {
		open := folder(t.TempDir())
		err := Check(context.Background(), func(ctx context.Context, name string) (store.Store, error) {
			s, err := open(ctx, name)
			return broken(s), err
		}, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
