package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/store"
	"longlora/schemas"
	"longlora/schemas/shard"
)

func newMigrate() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate DIR",
		Short: "Raise a dataset to the schema version of this build",
		Long: "Raise a dataset to the schema version of this build.\n\nOlder versions are read as they are: " +
			"migrate a dataset to have its row groups checked and\nread one by one, as `serve` and object " +
			"stores do best. Row files do not change; the digest\ndoes, for it covers the version, so first " +
			"finish the training runs that would be resumed.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, ok := store.Local(args[0])
			if !ok {
				return fmt.Errorf("migrate: %s is published and stays as it is; pull it, migrate the copy and "+
					"publish that", args[0])
			}
			before, err := shard.Open(dir)
			if err != nil {
				return fmt.Errorf("migrate: %w", err)
			}
			m, err := shard.Migrate(c.Context(), dir)
			if err != nil {
				return err
			}
			if before.Manifest().SchemaVersion == schemas.Version {
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s: version %d already, digest %s\n", args[0],
					schemas.Version, m.Digest)
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: version %d is now %d, digest %s is now %s\n", args[0],
				before.Manifest().SchemaVersion, m.SchemaVersion, before.Manifest().Digest, m.Digest)
			return err
		},
	}
}
