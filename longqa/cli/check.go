package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/tokenizer"
	"longlora/longqa/check"
)

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check DIR",
		Short: "Compute every derived answer again from its row alone",
		Long: "Compute every derived answer again from its row alone, by other code than built it,\n" +
			"and check evidence, token counts and the rules for gold answers. Rows that disagree are\n" +
			"listed and make the command fail.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runCheck(c, args[0]) },
	}
}

func runCheck(c *cobra.Command, dir string) error {
	d, err := openDataset(c.Context(), dir)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	var t *tokenizer.Tokenizer
	data, err := d.TokenizerFile(c.Context())
	if err == nil && data != nil {
		t, err = tokenizer.Parse(d.Dir()+"/tokenizer.json", data)
	}
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	rows, _ := d.Count("")
	p := command.NewProgress(c.ErrOrStderr(), "check", rows, "rows")
	r, err := check.Run(c.Context(), d, t, p.Add)
	p.Done()
	if err != nil {
		return err
	}
	return printCheck(c, dir, r)
}

func printCheck(c *cobra.Command, dir string, r *check.Report) error {
	out := c.OutOrStdout()
	for _, f := range r.Faults {
		fmt.Fprintf(out, "%s %s: %s\n", f.ID, f.Source, f.Problem)
	}
	derived, gold := int64(0), int64(0)
	for _, rule := range sortedKeys(r.Agreed) {
		fmt.Fprintf(out, "derived:%s: %d rows agree\n", rule, r.Agreed[rule])
		derived += r.Agreed[rule]
	}
	for _, source := range sortedKeys(r.Gold) {
		fmt.Fprintf(out, "%s: %d rows keep the rules\n", source, r.Gold[source])
		gold += r.Gold[source]
	}
	_, err := fmt.Fprintf(out, "%s: %d rows, %d derived answers agree, %d gold, %d faults\n", dir,
		r.Rows, derived, gold, len(r.Faults))
	if len(r.Faults) > 0 {
		return fmt.Errorf("check %s: %d of %d rows are wrong; the first is %s: %s", dir,
			len(r.Faults), r.Rows, r.Faults[0].ID, r.Faults[0].Problem)
	}
	return err
}
