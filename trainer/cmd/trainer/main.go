// Command trainer fine-tunes, evaluates, runs and merges models.
package main

import (
	"os"

	"longlora/internal/command"
	"longlora/trainer/cli"
)

func main() { os.Exit(command.Main(cli.New())) }
