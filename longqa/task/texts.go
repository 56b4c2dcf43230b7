package task

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"unicode"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/outline"
	"longlora/longqa/prose"
)

// stretch is a run of a text's pieces without gaps.
type stretch struct {
	text   *outline.Text
	start  int // bytes of the text's source
	source string
	pieces []*material.Piece
}

// stretch finds the runs of the view's texts.
func (s *Scope) stretch() {
	var b strings.Builder
	for _, k := range s.View.Docs {
		t := s.library[k.Document.ID]
		if t == nil {
			continue
		}
		for from := 0; from < len(k.Pieces); {
			to := from + 1
			for to < len(k.Pieces) && k.Pieces[to].Start == k.Pieces[to-1].End {
				to++
			}
			run := stretch{text: t, start: k.Pieces[from].Start, pieces: k.Pieces[from:to]}
			run.source = k.Pieces[from].Part.Source[run.start:k.Pieces[to-1].End]
			s.stretches = append(s.stretches, run)
			b.WriteString(squeeze(run.source))
			b.WriteByte(' ')
			from = to
		}
	}
	s.squeezed = b.String()
}

// at is the range of a span of the stretch, if one piece holds it.
func (r stretch) at(span prose.Span) (material.Range, bool) {
	start, end := r.start+span.Start, r.start+span.End
	i := sort.Search(len(r.pieces), func(i int) bool { return r.pieces[i].End > start })
	if i == len(r.pieces) || end > r.pieces[i].End || end <= start {
		return material.Range{}, false
	}
	return material.Range{Piece: r.pieces[i], Start: start, End: end}, true
}

// squeeze leaves the spaces of a text out, so that it compares however its lines are broken.
func squeeze(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}

// times is the number of occurrences of a text in the view's texts, however its lines are broken.
func (s *Scope) times(text string) int { return strings.Count(s.squeezed, squeeze(text)) }

// once reports whether a range's text stands in the view's texts only there.
func (s *Scope) once(r material.Range) bool { return s.times(r.Text()) == 1 }

// sentences are the plain sentences of the view's texts, in order.
func (s *Scope) sentences() []material.Range {
	var all []material.Range
	for _, run := range s.stretches {
		end := prose.ReferencesStart(run.source) // what follows are no sentences
		for _, span := range sentencesOf(run.source, run.text.Lines) {
			at, ok := run.at(span)
			if ok && !footnote(run.source, span.Start) && span.Start < end {
				all = append(all, at)
			}
		}
	}
	return all
}

// sentencesOf are the plain sentences of a text; of a transcript those within a turn, without the
// speaker's name.
func sentencesOf(source string, lines bool) []prose.Span {
	turns := prose.Turns(source, lines)
	if turns == nil {
		return prose.Sentences(source, lines)
	}
	var all []prose.Span
	for _, t := range turns {
		for _, s := range prose.Sentences(t.Said.Of(source), true) {
			all = append(all, prose.Span{Start: t.Said.Start + s.Start, End: t.Said.Start + s.End})
		}
	}
	return all
}

// footnote reports whether a paragraph with a byte begins with a bracket.
func footnote(source string, at int) bool {
	paragraph := source[strings.LastIndex(source[:at], "\n\n")+1:]
	return strings.HasPrefix(strings.TrimSpace(paragraph), "[")
}

// textMeta is what a checker needs of a question about a text, with pairs of a row's own.
func (s *Scope) textMeta(pairs ...string) map[string]string {
	meta := map[string]string{"language": s.Book.Language}
	if len(s.Texts) > 0 && s.Texts[0].Headings != "" {
		meta["headings"] = s.Texts[0].Headings
	}
	if s.Text != nil && s.Text.Lines {
		meta["lines"] = "true"
	}
	for i := 0; i < len(pairs); i += 2 {
		meta[pairs[i]] = pairs[i+1]
	}
	return meta
}

// elsewhere draws a text that the view does not show, or shows only in part: of the view's own
// texts first.
func (s *Scope) elsewhere(d *dice.Dice) []*outline.Text {
	others := dice.Shuffled(d, slices.Sorted(maps.Keys(s.library)))
	all := slices.Clone(s.Texts)
	for _, id := range others {
		t := s.library[id]
		if !slices.Contains(s.Texts, t) && t.Language == s.Texts[0].Language && len(all) < 3 {
			all = append(all, t)
		}
	}
	return all
}
