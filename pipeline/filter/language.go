package filter

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/abadojack/whatlanggo"
	"golang.org/x/text/language"

	"longlora/schemas"
)

// undetermined is the tag of a document whose language is not known.
const undetermined = "und"

// A document's language is that of most of a few samples, evenly spread over it: a long document may
// begin with a title page, and end with an index, in any language.
const (
	languageSamples = 8
	sampleBytes     = 600
)

// languages keeps documents of which at least half of the samples are in one of the wanted languages.
// Documents whose language is not known get the one that was found.
type languages struct{ wanted []string }

func newLanguages(o Options) Filter {
	var bases []string
	for _, tag := range o.Languages {
		bases = append(bases, baseOf(tag))
	}
	return languages{bases}
}

// baseOf returns the base language of a BCP 47 tag, empty if it has none; members of a macrolanguage
// are one language, as cmn and zh.
func baseOf(tag string) string {
	t, err := (language.Default | language.Macro).Parse(tag)
	if err != nil {
		return ""
	}
	base, _ := t.Base()
	return base.String()
}

func (f languages) Check(d *schemas.Document) (reason, detail string) {
	found, total := map[string]int{}, 0
	for _, s := range samplesOf(d.Text) {
		if info := whatlanggo.Detect(s); info.Lang >= 0 && info.Script != nil {
			found[baseOf(info.Lang.Iso6393())]++
			total++
		}
	}
	best, wanted := "", 0
	for _, l := range sortedNames(found) {
		if best == "" || found[l] > found[best] {
			best = l
		}
		if slices.Contains(f.wanted, l) {
			wanted += found[l]
		}
	}
	if total == 0 {
		return "language: none", "no sample has letters"
	}
	if 2*wanted < total {
		return "language: " + best, fmt.Sprintf("in %d of %d samples; %s wanted", found[best], total,
			strings.Join(f.wanted, ", "))
	}
	if d.Language == "" || d.Language == undetermined {
		d.Language = best
	}
	return "", ""
}

func sortedNames(m map[string]int) (names []string) {
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// samplesOf cuts samples at rune bounds; a short text is one sample.
func samplesOf(text string) (samples []string) {
	n := min(max(1, len(text)/(2*sampleBytes)), languageSamples)
	for i := range n {
		from := runeStart(text, i*len(text)/n)
		to := runeStart(text, min(from+sampleBytes, len(text)))
		if n == 1 {
			to = len(text)
		}
		samples = append(samples, text[from:to])
	}
	return samples
}

func runeStart(text string, i int) int {
	for i > 0 && i < len(text) && !utf8.RuneStart(text[i]) {
		i--
	}
	return i
}
