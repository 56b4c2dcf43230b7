// Command longqa builds LongQA, a long-context question-answering dataset.
package main

import (
	"os"

	"longlora/internal/command"
	"longlora/longqa/cli"
)

func main() { os.Exit(command.Main(cli.New())) }
