// Command pipeline turns documents into sequence shards.
package main

import (
	"os"

	"longlora/internal/command"
	"longlora/pipeline/cli"
)

func main() { os.Exit(command.Main(cli.New())) }
