// Command pipeline turns documents into sequence shards.
package main

import (
	"os"
	"runtime/debug"

	"longlora/internal/command"
	"longlora/pipeline/cli"
)

// gcPercent collects garbage early: the heap is a few large buffers without pointers, which cost nearly
// nothing to look at and much to keep.
const gcPercent = 40

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(command.Main(cli.New()))
}
