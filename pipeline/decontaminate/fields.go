package decontaminate

import (
	"slices"
	"strings"
)

// The names under which evaluation sets usually hold their parts, in lower case.
var (
	usualQueries = []string{
		"question", "questions", "query", "queries", "instruction", "prompt", "input", "problem",
		"question_text",
	}
	usualAnswers = []string{
		"answer", "answers", "output", "outputs", "target", "targets", "response", "responses",
		"completion", "solution", "summary", "highlights", "choices", "options", "label", "labels",
		"correct_answer", "best_answer", "response_text",
	}
	usualTexts = []string{
		"text", "context", "passage", "document", "article", "story", "content", "transcript", "chapter",
		"book", "report",
	}
)

// part returns the part that a field of a name holds.
func (o *Options) part(name string) (Part, bool) {
	name = strings.ToLower(name)
	switch {
	case slices.Contains(o.QueryFields, name):
		return Query, true
	case slices.Contains(o.AnswerFields, name):
		return Answer, true
	case slices.Contains(o.TextFields, name):
		return Text, true
	}
	return "", false
}

// partAt returns the part that a column holds, by the names on the way to it; empty: none.
func (o *Options) partAt(path []string) (part Part) {
	for _, name := range path {
		if inner, named := o.part(name); named && !(inner == Text && part != "") {
			part = inner // {"answers": {"text": ...}} holds answers
		}
	}
	return part
}

// collector makes items of a JSON value. An object with a query of its own is an item; others belong
// to the object around them, as SQuAD's {"answers": {"text": [...]}}, or are searched for items, as
// QMSum's lists of queries.
type collector struct {
	o    *Options
	id   string
	emit func(Item)
	n    int // of items
}

// collect emits the items of a line or a file.
func (c *collector) collect(value any) {
	whole := Item{ID: c.id}
	c.walk(value, "", &whole)
	c.finish(&whole)
}

func (c *collector) finish(it *Item) {
	if len(it.Queries)+len(it.Answers)+len(it.Texts) > 0 {
		c.n++
		c.emit(*it)
	}
}

// walk adds what a value holds to an item; part is what the field that holds it says, or empty.
func (c *collector) walk(value any, part Part, it *Item) {
	switch v := value.(type) {
	case string:
		it.put(part, v)
	case []any:
		for _, e := range v {
			c.walk(e, part, it)
		}
	case map[string]any:
		if c.asks(v) {
			own := Item{ID: c.id}
			c.fields(v, "", &own)
			c.finish(&own)
			return
		}
		c.fields(v, part, it)
	}
}

// fields walks into an object in the order of its names.
func (c *collector) fields(object map[string]any, part Part, it *Item) {
	names := make([]string, 0, len(object))
	for n := range object {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		inner, named := c.o.part(n)
		if !named || inner == Text && part != "" {
			inner = part // {"answers": {"text": ...}} holds answers
		}
		c.walk(object[n], inner, it)
	}
}

// asks reports whether an object has a query of its own.
func (c *collector) asks(object map[string]any) bool {
	for n, v := range object {
		if p, ok := c.o.part(n); ok && p == Query && isText(v) {
			return true
		}
	}
	return false
}

// isText reports a string or a list of strings.
func isText(v any) bool {
	switch v := v.(type) {
	case string:
		return true
	case []any:
		return len(v) > 0 && !slices.ContainsFunc(v, func(e any) bool { _, ok := e.(string); return !ok })
	}
	return false
}

func (it *Item) put(part Part, text string) {
	switch part {
	case Query:
		it.Queries = append(it.Queries, text)
	case Answer:
		it.Answers = append(it.Answers, text)
	case Text:
		it.Texts = append(it.Texts, text)
	}
}
