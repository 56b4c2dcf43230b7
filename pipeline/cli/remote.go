package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/store"
	"longlora/internal/store/cloud"
	"longlora/internal/store/cloud/dataset"
	"longlora/pipeline/publish"
	"longlora/schemas/shard"
)

// stores says how URLs are reached.
func stores() store.Options { return store.Options{Drivers: cloud.Drivers()} }

// cacheFlags are the flags of commands that read datasets of object stores.
type cacheFlags struct {
	dir  string
	size dataset.Size
}

func addCacheFlags(c *cobra.Command) *cacheFlags {
	f := &cacheFlags{size: dataset.DefaultCacheBytes}
	c.Flags().StringVar(&f.dir, "cache", "", "folder that keeps what is read of object stores; default: "+
		"longlora/shards among the user's caches")
	c.Flags().Var(&f.size, "cache-size", "most bytes that the cache holds, as 500MB or 32GiB")
	return f
}

// open opens the dataset at a path or URL, which may be pinned by @sha256:DIGEST.
func (f *cacheFlags) open(ctx context.Context, location string) (*shard.Dataset, error) {
	return dataset.Open(ctx, location, dataset.Options{
		Stores: stores(), Cache: f.dir, CacheBytes: int64(f.size),
	})
}

func newPublish() *cobra.Command {
	var o publish.Options
	c := &cobra.Command{
		Use:   "publish DIR URL",
		Short: "Copy a dataset into an object store, under its digest",
		Long: "Copy a dataset into an object store, to the folder sha256-DIGEST under a URL.\n\nEvery " +
			"file is made only if there is none of its name, read back and compared by hash;\nthe " +
			"manifest comes last, so that a reader sees all of the dataset or nothing. What was cut\n" +
			"off goes on where it was. Prints the pinned location that trainer --shards and what\n" +
			"reads datasets in pipeline take.",
		Args: cobra.ExactArgs(2),
	}
	c.Flags().IntVar(&o.Workers, "workers", publish.DefaultWorkers, "files to copy at once")
	c.RunE = func(c *cobra.Command, args []string) error {
		if o.Workers < 1 {
			return command.Usagef("publish: --workers is %d, want at least 1", o.Workers)
		}
		p := command.NewProgress(c.ErrOrStderr(), "publish", 0, "bytes")
		o.Progress = p.Add
		r, err := publish.Publish(c.Context(), args[0], args[1], stores(), o)
		p.Done()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d files, %d bytes, %d uploaded now: verified\n",
			r.Location, r.Files, r.Bytes, r.Uploaded)
		return err
	}
	return c
}

func newPull() *cobra.Command {
	var o publish.Options
	var out string
	c := &cobra.Command{
		Use:   "pull LOCATION --out DIR",
		Short: "Copy a dataset out of an object store",
		Long: "Copy a dataset out of an object store, and verify every row. The location may be pinned:\n" +
			"URL@sha256:DIGEST. What was cut off goes on where it was.",
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&out, "out", "", "folder of the dataset, which must not be there yet")
	c.Flags().IntVar(&o.Workers, "workers", publish.DefaultWorkers, "files to copy at once")
	c.RunE = func(c *cobra.Command, args []string) error {
		if out == "" || o.Workers < 1 {
			return command.Usagef("pull needs --out, and at least one of --workers")
		}
		p := command.NewProgress(c.ErrOrStderr(), "pull", 0, "bytes")
		o.Progress = p.Add
		m, err := publish.Pull(c.Context(), args[0], out, stores(), o)
		p.Done()
		if err != nil {
			return err
		}
		return printBuilt(c, out, m)
	}
	return c
}
