package cli

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

func evalCommand() *cobra.Command {
	c := &cobra.Command{Use: "eval", Short: "Measure a model"}
	c.AddCommand(evalPerplexity(), evalFarCopy(), evalPassKey(), evalRetrieval(), evalShort(),
		evalSuite(), evalLogits())
	return c
}

// writeJSON writes one line.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
