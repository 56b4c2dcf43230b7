package cli

import (
	"strings"

	"github.com/spf13/pflag"
)

// american lets flags be written with "license" too.
func american(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "license", "licence"))
}
