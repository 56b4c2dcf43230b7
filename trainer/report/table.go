package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Table writes the results as text.
func (r *Report) Table(w io.Writer) error {
	if err := r.Validate(); err != nil {
		return err
	}
	s := r.Summary()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }
	line("\tbase, window\tbase, interpolated\tfine-tuned")
	line("far-copy loss (nats)\t%.3f\t%.3f\t%.3f",
		s.FarCopy.Window512, s.FarCopy.Interpolated, s.FarCopy.Finetuned)
	for _, p := range s.Perplexity {
		line("perplexity at %d–%d\t%.2f\t%.2f\t%.2f", p.From, p.To, p.Base, p.Interpolated, p.Finetuned)
	}
	line("")
	for _, d := range r.FarCopy.Differences {
		line("fine-tuned beats %s by\t%.3f nats, 95 %% interval [%.3f, %.3f]\t\t%s",
			d.Baseline, d.Mean, d.CI95[0], d.CI95[1], verdict(d.Beats()))
	}
	line("targets\t%d identifiers in %d sequences", s.FarCopy.Targets, s.FarCopy.Sequences)
	if a := s.Answers; a != nil {
		line("perplexity of held-out answers\t%.1f before questions, %.1f after", a.Before, a.After)
	}
	for _, k := range s.PassKey {
		line("pass-key at %d tokens\t%.0f %% of %d", k.Tokens, 100*k.Accuracy, k.Trials)
	}
	for _, g := range s.Stages {
		line("%s\t%d steps, %d tokens, %.0f tokens/s, loss %.3f to %.3f",
			g.Name, g.Steps, g.Tokens, g.TokensPerSecond, g.FirstLoss, g.LastLoss)
	}
	if e := r.Example; e.ID != "" {
		line("asked over %d tokens\t%s", e.Tokens, oneLine(e.Instruction))
		line("it says\t%s", oneLine(e.Prediction))
		line("right is\t%s", oneLine(e.Reference))
	}
	line("time\t%.0f s", s.Seconds)
	for _, p := range r.Places {
		line("%s\t%s", p.What, p.Path)
	}
	return t.Flush()
}

// oneLine shortens a text to one line of at most 90 characters.
func oneLine(text string) string {
	const most = 90
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

func verdict(beats bool) string {
	if beats {
		return "passed"
	}
	return "FAILED"
}
