package teacher

import (
	"strconv"
	"strings"

	"longlora/longqa/endpoint"
)

// kindOf says what a material is.
var kindOf = map[string]string{
	"book": "a book or a part of one", "story": "a story", "script": "a script", "paper": "a paper",
	"report": "a report", "meeting": "the transcript of a meeting", "code": "source code",
	"manual": "a manual",
}

// messages is the prompt of a type, with contextMark for the context.
func (w *work) messages(a Ask) ([]endpoint.Message, error) {
	text, err := promptFile(a.Name)
	if err != nil {
		return nil, err
	}
	kind := kindOf[w.c.Genre]
	if kind == "" {
		kind = "a text"
	}
	if len(w.c.DocIDs) > 1 {
		kind = "several works, one after the other"
	}
	values := map[string]string{
		"kind": kind, "ask": text[0], "form": pairForm, "title": "", "language": w.recipe.Language,
		"number": strconv.Itoa(w.recipe.Questions) + " questions with answers",
	}
	if a.Turns {
		values["form"], values["number"] = turnForm, strconv.Itoa(w.recipe.Questions)+" conversations"
	}
	if len(w.c.Titles) > 0 {
		titles := strings.ReplaceAll(strings.Join(w.c.Titles, "; "), contextMark, "")
		values["title"] = " (" + titles + ")"
	}
	if values["language"] == "" {
		values["language"] = "the language of the material"
	}
	return []endpoint.Message{
		{Role: "system", Content: w.frame[0]},
		{Role: "user", Content: strings.TrimSpace(fill(w.frame[1], values))},
	}, nil
}

// withContext puts the context into the place of its mark.
func withContext(messages []endpoint.Message, text string) []endpoint.Message {
	full := make([]endpoint.Message, len(messages))
	for i, m := range messages {
		full[i] = m
		if m.Role == "user" && i == firstUser(messages) {
			full[i].Content = strings.Replace(m.Content, contextMark, text, 1)
		}
	}
	return full
}

func firstUser(messages []endpoint.Message) int {
	for i, m := range messages {
		if m.Role == "user" {
			return i
		}
	}
	return -1
}
