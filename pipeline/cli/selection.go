package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"longlora/internal/command"
	"longlora/pipeline/clean"
	"longlora/pipeline/decontaminate"
	"longlora/pipeline/dedup"
	"longlora/pipeline/ingest"
	"longlora/pipeline/licence"
	"longlora/pipeline/source"
)

// selectionFlags are the flags of ingest that choose among documents and clean them.
type selectionFlags struct {
	cleaners          string
	allow, deny       []string
	near              string
	decontaminate     []string
	evaluationOptions decontaminate.Options
	sortMemory        int64 // MiB
	policy            string
	parts             []string
}

// none is the value of a list's flag that means nothing of it.
const none = "none"

func addSelectionFlags(c *cobra.Command, f *selectionFlags, o *ingest.Options) {
	fs := c.Flags()
	fs.StringSliceVar(&o.Filter.Languages, "languages", nil, "BCP 47 tags of the languages to keep; adds "+
		"the filter language")
	fs.StringVar(&f.cleaners, "clean", "", "cleaners to run, by comma, or none; default: all for sources "+
		"of prose")
	fs.StringSliceVar(&o.Masks, "mask", nil, "data of persons to replace by placeholders, by comma")
	fs.StringSliceVar(&f.allow, "allow-licence", nil, "SPDX identifiers or patterns, as BSD-*; documents "+
		"under others are dropped")
	fs.StringSliceVar(&f.deny, "deny-licence", nil, "SPDX identifiers or patterns, as *-NC-*; documents "+
		"under them are dropped")
	fs.SetNormalizeFunc(britishSpelling)
	fs.BoolVar(&o.KeepDuplicates, "keep-duplicates", false, "leave duplicates in, exact ones and near ones")
	fs.StringVar(&f.near, "near-duplicates", "", "similarity of word 5-grams from which documents are "+
		"dropped, 0 to 1, or keep; default: 0.8 for sources of prose, else keep")
	fs.IntVar(&o.Passages.Words, "repeated-passages", 0, "cut passages of at least this many words that "+
		"stand in an earlier document; 0: none")
	fs.BoolVar(&o.MarkPassages, "mark-passages", false, "leave repeated passages in, and say in a "+
		"document's meta where they stand")
	fs.IntVar(&o.RepeatedLines, "repeated-lines", 0, "cut lines of 24 bytes and more that stand in at least "+
		"this many documents of a source; 0: none")
	fs.Int64Var(&f.sortMemory, "sort-memory", 16, "MiB from which sorts for passages and lines go to disk")
	fs.BoolVar(&o.NoDropped, "no-dropped-text", false, "do not keep the text of dropped documents in reject/")
	fs.StringArrayVar(&f.decontaminate, "decontaminate", nil, "evaluation set that documents must not hold "+
		"text of: JSON lines, JSON, Parquet, text, or a folder of such, by path or URL; may be given "+
		"again; none: say that there is none")
	fs.IntVar(&f.evaluationOptions.Words, "evaluation-words", decontaminate.DefaultWords,
		"length of a run of words that is text of an evaluation set")
	fs.StringSliceVar(&f.parts, "evaluation-parts", nil, "parts of evaluation items that count: query, "+
		"answer, overlap, text; default: all")
	fs.StringVar(&f.policy, "evaluation-policy", string(decontaminate.Drop), "what becomes of documents "+
		"with text of an evaluation set: drop, mask, report")
	fs.StringSliceVar(&f.evaluationOptions.QueryFields, "evaluation-query-field", nil,
		"fields that hold queries; default: the usual names")
	fs.StringSliceVar(&f.evaluationOptions.AnswerFields, "evaluation-answer-field", nil,
		"fields that hold answers; default: the usual names")
	fs.StringSliceVar(&f.evaluationOptions.TextFields, "evaluation-text-field", nil,
		"fields that hold contexts; default: the usual names")
}

// britishSpelling lets flags be spelt in either way.
func britishSpelling(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	for _, spelling := range []struct{ american, british string }{
		{"license", "licence"}, {"allow-license", "allow-licence"}, {"deny-license", "deny-licence"},
		{"license-field", "licence-field"},
	} {
		if name == spelling.american {
			name = spelling.british
		}
	}
	return pflag.NormalizedName(name)
}

func selectionHelp() string {
	return "\nCleaners:\n" + indented(clean.Cleaners()) + "\nMasks:\n" + indented(clean.Masks()) +
		"\nText of evaluation sets:\n" + indented(decontaminate.Policies())
}

// isProse reports sources that suit the cleaners and near-duplicates of prose.
func isProse(k source.Kind) bool { return slices.Contains(k.Filters, "repetition") }

// apply fills in the options.
func (f *selectionFlags) apply(c *cobra.Command, kind source.Kind, o *ingest.Options) (err error) {
	if len(o.Filter.Languages) > 0 && !slices.Contains(o.Filters, "language") {
		o.Filters = append(slices.Clone(o.Filters), "language")
	}
	switch {
	case f.cleaners != "":
		o.Cleaners = filterList(f.cleaners)
	case isProse(kind):
		o.Cleaners = []string{"gutenberg", "banners"}
	}
	if o.Licences, err = licence.New(f.allow, f.deny); err != nil {
		return command.Usagef("ingest: %w", err)
	}
	switch f.near {
	case "keep":
	case "":
		if isProse(kind) {
			o.Near = dedup.DefaultNear
		}
	default:
		if _, err := fmt.Sscanf(f.near, "%g", &o.Near); err != nil || !(o.Near > 0 && o.Near <= 1) {
			return command.Usagef("ingest: --near-duplicates is %q, want a similarity above 0 and up to 1, "+
				"or keep", f.near)
		}
	}
	if o.SortMemory = f.sortMemory << 20; f.sortMemory < 1 || f.sortMemory > 1<<20 {
		return command.Usagef("ingest: --sort-memory is %d, want 1 to 1048576 MiB", f.sortMemory)
	}
	f.evaluationOptions.Policy = decontaminate.Policy(f.policy)
	for _, p := range f.parts {
		f.evaluationOptions.Parts = append(f.evaluationOptions.Parts, decontaminate.Part(p))
	}
	if err := f.evaluationOptions.Validate(); err != nil {
		return command.Usagef("ingest: %w", err)
	}
	return nil
}

// evaluation reads the evaluation sets. That there is none is said, once, unless the caller said so.
func (f *selectionFlags) evaluation(c *cobra.Command) (*decontaminate.Index, error) {
	if len(f.decontaminate) == 1 && f.decontaminate[0] == none {
		return nil, nil
	}
	if len(f.decontaminate) == 0 {
		_, err := fmt.Fprintln(c.ErrOrStderr(), "ingest: no evaluation set is named, so documents are "+
			"compared with none; name yours with --decontaminate FILE, or say --decontaminate none")
		return nil, err
	}
	o := f.evaluationOptions
	o.Stores = stores()
	x, err := decontaminate.Load(c.Context(), f.decontaminate, o)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	if all, short := x.Items(); short > 0 {
		_, err = fmt.Fprintf(c.ErrOrStderr(), "ingest: %d of %d evaluation items have fewer than %d words "+
			"in a row and cannot be found\n", short, all, f.evaluationOptions.Words)
	}
	return x, err
}
