package prose

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Turn is what a speaker says at one time.
type Turn struct {
	Speaker string
	Label   Span // the speaker's name
	Said    Span // without the label
}

// The certainty of a transcript: at least so many turns, speakers with three of them, and so large
// a part of the paragraphs that are turns.
const (
	minTurns        = 12
	minSpeakers     = 2
	minTurnsOfOne   = 3
	minTurnShareNum = 6 // of 10
)

var (
	// colonTurn is a turn of a transcript: "Name: text".
	colonTurn = regexp.MustCompile(`^(\p{Lu}[\p{L}\p{N}.'’ _-]{0,38}[\p{L}\p{N}.)])[ \t]?[:：][ \t]*\S`)
	// stopTurn is a turn of a play: "NAME. Text".
	stopTurn = regexp.MustCompile(`^(\p{Lu}[\p{Lu}'’ -]{1,28}\p{Lu})\.[ \t]+[\p{L}\[(“"«„¿¡—-]`)
	// nameLine is a name in capitals on a line of its own, with what is said below it.
	nameLine = regexp.MustCompile(`^(\p{Lu}[\p{Lu}'’ -]{1,28}\p{Lu})[.:]?[ \t]*\n[ \t]*\S`)
)

// Turns finds the turns of a transcript or a play; none if the text is neither for certain. lines
// is as for Sentences; a transcript's turns may also stand on lines below each other.
func Turns(text string, lines bool) []Turn {
	for _, form := range []struct {
		pattern *regexp.Regexp
		lines   bool
	}{{colonTurn, true}, {colonTurn, lines}, {stopTurn, lines}, {nameLine, false}} {
		if turns := turnsOf(text, form.pattern, form.lines); turns != nil {
			return turns
		}
	}
	return nil
}

func turnsOf(text string, pattern *regexp.Regexp, lines bool) []Turn {
	var all []Turn
	count := map[string]int{}
	paragraphs := Paragraphs(text, lines)
	for _, p := range paragraphs {
		t := p.Of(text)
		m := pattern.FindStringSubmatchIndex(t)
		if m == nil {
			continue
		}
		name := t[m[2]:m[3]]
		after := strings.TrimLeft(t[m[3]:], " \t.:：\n")
		said := trim(text, Span{p.End - len(after), p.End})
		count[name]++
		all = append(all, Turn{name, Span{p.Start + m[2], p.Start + m[3]}, said})
	}
	often := 0
	for _, n := range count {
		if n >= minTurnsOfOne {
			often++
		}
	}
	if len(all) < minTurns || often < minSpeakers ||
		10*len(all) < minTurnShareNum*len(paragraphs) || !conversation(text, all, count) {
		return nil
	}
	return all
}

// The certainty of a conversation, in tenths: the turns that have a sentence's end, and those whose
// speaker is not the one before.
const (
	minEnds    = 4
	minChanges = 3
)

// conversation reports whether turns are people's, and not the lines of a list of fields.
func conversation(text string, turns []Turn, count map[string]int) bool {
	ends, changes, fields := 0, 0, 0
	for i, t := range turns {
		if strings.ContainsAny(t.Said.Of(text), ".?!。？！…") {
			ends++
		}
		if i > 0 && turns[i-1].Speaker != t.Speaker {
			changes++
		}
		if field(t.Speaker) {
			fields++
		}
	}
	n := len(turns)
	return 10*ends >= minEnds*n && 10*changes >= minChanges*n && 10*fields < n
}

// field reports whether a name is that of a field of a form or of a file's head.
func field(name string) bool {
	switch name {
	case "Name", "Version", "Summary", "Classifier", "License", "License-File", "Author", "Author-email",
		"Requires-Dist", "Requires-Python", "Provides-Extra", "Project-URL", "Home-page", "Keywords", "Date",
		"Subject", "From", "To", "Cc", "Note", "NOTE", "Warning", "WARNING", "Example", "Examples", "Args",
		"Returns", "Raises", "Description", "Copyright", "Files", "Source", "Title", "URL", "Type", "Default",
		"Tip", "Important", "Usage", "Input", "Output", "TODO", "Answer", "Question", "Step", "Added",
		"Changed", "Fixed", "Removed":
		return true
	}
	return false
}

// Quote is direct speech with who is said to speak.
type Quote struct {
	Speaker string
	Said    Span // without the marks
	Name    Span
}

// quoted is direct speech in English, on one paragraph: "…," said Name.
var quoted = regexp.MustCompile(`(?:^|[\s—-])[“"]([^“”"]{30,200}[,!?])[”"]\s+` +
	`(?:said|cried|replied|answered|exclaimed|asked|observed|remarked|whispered|repeated|returned)\s+` +
	`((?:(?:` + titles + `)\.?\s+)?\p{Lu}\p{Ll}+(?:\s+\p{Lu}\p{Ll}+){0,2})([,.;:]|\s+\p{Ll}+)`)

// titles stand before a name, and are none.
const titles = `Mr|Mrs|Ms|Dr|St|Miss|Lady|Lord|Sir|Captain|Capt|Major|Maj|Colonel|Col|General|Gen|` +
	`Lieutenant|Lieut|Lt|Sergeant|Sgt|Corporal|Private|Professor|Prof|Doctor|Father|Mother|Brother|Sister|` +
	`Aunt|Uncle|Monsieur|Madame|Madam|Mademoiselle|Mme|Mlle|Master|Squire|Judge|Inspector|Reverend|Rev|Hon`

// title is one of them alone.
var title = regexp.MustCompile(`^(?:` + titles + `)$`)

// Quotes finds direct speech whose speaker stands right behind it.
func Quotes(text string, lines bool) []Quote {
	var all []Quote
	for _, p := range Paragraphs(text, lines) {
		t := p.Of(text)
		for _, m := range quoted.FindAllStringSubmatchIndex(t, -1) {
			next := strings.TrimSpace(t[m[6]:m[7]])
			name := OneLine(t[m[4]:m[5]])
			if next == "and" || next == "or" || strings.ContainsAny(t[m[2]:m[3]], "`[]«»„|*_") ||
				utf8.RuneCountInString(name) < 3 || title.MatchString(name) {
				continue
			}
			switch first, _, _ := strings.Cut(name, " "); first {
			case "The", "This", "That", "His", "Her", "My", "Our", "Their", "One", "Another", "These", "An":
				continue
			}
			all = append(all, Quote{
				name, Span{p.Start + m[2], p.Start + m[3]}, Span{p.Start + m[4], p.Start + m[5]},
			})
		}
	}
	return all
}
