package cli

import (
	"context"
	"os"

	"longlora/internal/store"
	"longlora/internal/store/cloud"
	"longlora/internal/store/cloud/dataset"
	"longlora/schemas/ipc/flight"
	"longlora/schemas/shard"
)

// stores says how URLs are reached.
func stores() store.Options { return store.Options{Drivers: cloud.Drivers()} }

// openDataset opens the dataset at a path or URL, which may be pinned by @sha256:DIGEST, through the
// user's own cache, or on a Flight server.
func openDataset(ctx context.Context, location string) (*shard.Dataset, error) {
	if flight.IsLocation(location) {
		return flight.OpenFromEnvironment(ctx, location, os.Getenv)
	}
	return dataset.Open(ctx, location, dataset.Options{Stores: stores()})
}
