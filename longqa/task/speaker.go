package task

import (
	"strings"
	"unicode/utf8"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
	"longlora/longqa/prose"
)

// speaker asks who says a line: of a transcript or a play, and in English novels where the text
// says right behind it who speaks.
type speaker struct{}

func (speaker) Name() string { return "speaker" }

// minLine and maxLine bound, in code points, what is quoted.
const minLine, maxLine = 30, 240

// line is what someone says, with where the text says who.
type line struct {
	said, name material.Range
	speaker    string
	form       string // "turn" or "quote"
}

func (speaker) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	for _, l := range dice.Shuffled(d, s.lines()) {
		if len(found) == proposals {
			break
		}
		said := prose.OneLine(l.said.Text())
		if !sayable(said) || !s.once(l.said) || !phrase.Quotable(l.speaker) {
			continue
		}
		found = append(found, Candidate{
			Key: said, Source: "derived:speaker",
			Question: s.Book.Say(d, phrase.Speaker, s.Book.Quote(said)),
			Answer:   s.Book.Say(d, phrase.SpeakerIs, s.Book.Quote(l.speaker)),
			Evidence: []material.Range{l.name, l.said},
			Meta:     s.textMeta("sentence", said, "speech", l.form),
		})
	}
	return found
}

// sayable reports whether a line can be quoted and is no noise.
func sayable(said string) bool {
	n := utf8.RuneCountInString(said)
	return n >= minLine && n <= maxLine && !strings.ContainsAny(said, "{}[]<>|*_#") &&
		phrase.Quotable(said)
}

// lines are those of the view whose speakers are certain.
func (s *Scope) lines() []line {
	var all []line
	for _, run := range s.stretches {
		for _, l := range spoken(run.source, run.text.Lines, s.Book.Language) {
			if at, ok := run.line(l.name, l.said, l.speaker, l.form); ok {
				all = append(all, at)
			}
		}
	}
	return all
}

// speech is what someone says in a text.
type speech struct {
	name, said prose.Span
	speaker    string
	form       string
}

// spoken finds what is said in a text, by turns or, in English, by direct speech.
func spoken(source string, lines bool, language string) []speech {
	var all []speech
	turns := prose.Turns(source, lines)
	for _, t := range turns {
		all = append(all, speech{t.Label, firstSentence(source, t.Said), t.Speaker, "turn"})
	}
	if turns != nil || language != "en" {
		return all
	}
	for _, q := range prose.Quotes(source, lines) {
		all = append(all, speech{q.Name, q.Said, q.Speaker, "quote"})
	}
	return all
}

func (r stretch) line(name, said prose.Span, speaker, form string) (line, bool) {
	a, ok := r.at(name)
	b, fine := r.at(said)
	n := utf8.RuneCountInString(said.Of(r.source))
	return line{b, a, speaker, form}, ok && fine && n >= minLine && n <= maxLine
}

// firstSentence is the beginning of a turn up to a mark that ends a sentence, if that makes it long
// enough; else all of it.
func firstSentence(text string, said prose.Span) prose.Span {
	t := said.Of(text)
	for at := 0; at < len(t); {
		i := strings.IndexAny(t[at:], ".?!。？！")
		if i < 0 {
			break
		}
		_, n := utf8.DecodeRuneInString(t[at+i:])
		at += i + n
		if utf8.RuneCountInString(t[:at]) >= minLine {
			return prose.Span{Start: said.Start, End: said.Start + at}
		}
	}
	return said
}
