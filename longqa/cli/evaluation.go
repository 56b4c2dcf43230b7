package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"longlora/pipeline/decontaminate"
)

// noSet is the name by which a caller says that there is no evaluation set.
const noSet = "none"

const evaluationUsage = "evaluation set that material must not hold text of: JSON lines, JSON, Parquet, " +
	"text, or a folder of such, by path or URL; may be given again; none: say that there is none"

// evaluation reads the evaluation sets of flags, else those of a recipe. That there is none is
// said, unless the caller said so.
func evaluation(c *cobra.Command, stage string,
	ofRecipe, ofFlags []string) (*decontaminate.Index, error) {
	paths := ofRecipe
	if len(ofFlags) > 0 {
		paths = ofFlags
	}
	if len(paths) == 1 && paths[0] == noSet {
		return nil, nil
	}
	if len(paths) == 0 {
		_, err := fmt.Fprintf(c.ErrOrStderr(), "%s: no evaluation set is named, so nothing is compared "+
			"with one; name yours with --decontaminate FILE, or say --decontaminate none\n", stage)
		return nil, err
	}
	x, err := decontaminate.Load(c.Context(), paths, decontaminate.Options{Stores: stores()})
	if err != nil {
		return nil, err
	}
	return x, tooShort(c.ErrOrStderr(), stage, x)
}

// tooShort says how many evaluation items cannot be found.
func tooShort(w io.Writer, stage string, x *decontaminate.Index) error {
	all, short := x.Items()
	if short == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s: %d of %d evaluation items have fewer than %d words in a row and cannot be "+
		"found\n", stage, short, all, decontaminate.DefaultWords)
	return err
}
