package teacher

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

// Ask is a type of question. Each is one file of prompts and one line of the table.
type Ask struct {
	// Name is as a recipe names it, and with ".md" the file in prompts.
	Name string
	// Genres are those whose material it suits; none means all.
	Genres []string
	// Task is the rows' task.
	Task string
	// Several: the material must have several documents.
	Several bool
	// Turns: the answers are conversations.
	Turns bool
}

var (
	books    = []string{"book", "story", "script"}
	papers   = []string{"paper"}
	reports  = []string{"report", "manual"}
	meetings = []string{"meeting"}
	code     = []string{"code"}
)

// asks is the table.
var asks = [...]Ask{
	{Name: "book-summary", Genres: books, Task: "summary"},
	{Name: "book-characters", Genres: books, Task: "characters"},
	{Name: "book-relationships", Genres: books, Task: "relationships"},
	{Name: "book-detail", Genres: books, Task: "detail"},
	{Name: "book-theme", Genres: books, Task: "analysis"},
	{Name: "paper-summary", Genres: papers, Task: "summary"},
	{Name: "paper-contributions", Genres: papers, Task: "contributions"},
	{Name: "paper-limitations", Genres: papers, Task: "limitations"},
	{Name: "paper-method", Genres: papers, Task: "method"},
	{Name: "paper-review", Genres: papers, Task: "review"},
	{Name: "report-summary", Genres: reports, Task: "summary"},
	{Name: "report-findings", Genres: reports, Task: "findings"},
	{Name: "meeting-summary", Genres: meetings, Task: "summary"},
	{Name: "meeting-decisions", Genres: meetings, Task: "decisions"},
	{Name: "code-explanation", Genres: code, Task: "explanation"},
	{Name: "any-summary", Task: "summary"},
	{Name: "any-detail", Task: "detail"},
	{Name: "any-comparison", Task: "comparison", Several: true},
	{Name: "any-conversation", Task: "conversation", Turns: true},
}

//go:embed prompts/*.md
var prompts embed.FS

// Asks lists the names of the question types.
func Asks() []string {
	var names []string
	for _, a := range asks {
		names = append(names, a.Name)
	}
	return names
}

func findAsk(name string) (Ask, bool) {
	i := slices.IndexFunc(asks[:], func(a Ask) bool { return a.Name == name })
	if i < 0 {
		return Ask{}, false
	}
	return asks[i], true
}

// suits reports whether a type can be asked about a context.
func (a Ask) suits(c *Context) bool {
	return (len(a.Genres) == 0 || slices.Contains(a.Genres, c.Genre)) &&
		(!a.Several || len(c.DocIDs) > 1)
}

// suiting are the types of a genre's own, or, where it has none, those of all material.
func suiting(c *Context) []Ask {
	var own, any []Ask
	for _, a := range asks {
		switch {
		case !a.suits(c):
		case len(a.Genres) > 0:
			own = append(own, a)
		default:
			any = append(any, a)
		}
	}
	if len(own) == 0 {
		return any
	}
	for _, a := range any {
		if a.Several || a.Turns {
			own = append(own, a)
		}
	}
	return own
}

// promptFile is a prompt's text, in its parts.
func promptFile(name string) (parts []string, err error) {
	text, err := prompts.ReadFile("prompts/" + name + ".md")
	if err != nil {
		return nil, fmt.Errorf("prompt %s: %w", name, err)
	}
	for _, p := range strings.Split(string(text), "\n---\n") {
		parts = append(parts, strings.TrimSpace(p))
	}
	return parts, nil
}

// forms are the JSON that is asked for.
const (
	pairForm = `{"items": [{"question": "…", "answer": "…", "evidence": ["…", "…"]}]}`
	turnForm = `{"items": [{"turns": [{"question": "…", "answer": "…", "evidence": ["…"]}, ` +
		`{"question": "…", "answer": "…", "evidence": ["…"]}]}]}`
)

// contextMark stands for the material where messages are kept.
const contextMark = "{context}"

// fill puts values into the places of a prompt, each place once, so that a value may hold braces.
func fill(prompt string, values map[string]string) string {
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(prompt)
}
