package teacher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"longlora/longqa/dice"
	"longlora/longqa/endpoint"
	"longlora/schemas"
)

// Keys of a row's Meta.
const (
	MetaModel    = "teacher_model"    // as the reply names it
	MetaAsk      = "teacher_ask"      // the type of question
	MetaMessages = "teacher_messages" // JSON; contextMark stands for the context
	MetaSettings = "teacher_settings" // JSON
	MetaCall     = "teacher_call"     // the call's key in the journal
	MetaCritic   = "critic"           // JSON: model, score, reason, call
)

// Teacher asks about contexts.
type Teacher struct {
	recipe Recipe
	client *endpoint.Client
	frame  []string
	critic []string
	// known answers from the journal alone.
	known bool
}

// New returns a teacher over a client. With known it makes no call: questions whose calls were not
// answered before are left out.
func New(r Recipe, c *endpoint.Client, known bool) (*Teacher, error) {
	t := &Teacher{recipe: r.filled(), client: c, known: known}
	if err := t.recipe.Validate(); err != nil {
		return nil, err
	}
	var err error
	if t.frame, err = promptFile("frame"); err == nil {
		t.critic, err = promptFile("critic")
	}
	return t, err
}

// Config is what the rows depend on beside contexts and replies.
func (t *Teacher) Config() map[string]any { return t.recipe.config() }

// promptsDigest is a hash over all prompt files.
func promptsDigest() string {
	h := sha256.New()
	_ = fs.WalkDir(prompts, ".", func(path string, d fs.DirEntry, err error) error { // it is embedded
		if err == nil && !d.IsDir() {
			text, _ := prompts.ReadFile(path)
			fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		}
		return err
	})
	return hex.EncodeToString(h.Sum(nil))
}

// Outcome is what came of one context.
type Outcome struct {
	Rows    []schemas.Example
	Rejects []Reject
	// Left is the number of calls that were not made: they are not known, or the budget is spent.
	Left int
}

// Reject is a question, or a whole reply, that did not become a row.
type Reject struct{ ID, Reason, Detail string }

// All works on contexts, several at one time, and yields their outcomes in order. After an error
// that ends the run, outcomes stop.
func (t *Teacher) All(ctx context.Context,
	contexts iter.Seq2[*Context, error]) iter.Seq2[*Outcome, error] {
	return func(yield func(*Outcome, error) bool) {
		type job struct {
			done chan struct{}
			out  *Outcome
			err  error
		}
		stop := make(chan struct{})
		// The queue is what may be read ahead; the client bounds the calls themselves.
		queue := make(chan *job, t.client.Concurrency())
		go func() {
			defer close(queue)
			for c, err := range contexts {
				j := &job{done: make(chan struct{}), err: err}
				select {
				case queue <- j:
				case <-stop:
					return
				}
				if err != nil {
					close(j.done)
					return
				}
				go func() {
					defer close(j.done)
					j.out, j.err = t.context(ctx, c)
				}()
			}
		}()
		for j := range queue {
			<-j.done
			if !yield(j.out, j.err) || j.err != nil {
				close(stop)
				for rest := range queue {
					<-rest.done // calls on their way are paid for: their replies go into the journal
				}
				return
			}
		}
	}
}

// context asks about one context, type by type.
func (t *Teacher) context(ctx context.Context, c *Context) (*Outcome, error) {
	w := &work{Teacher: t, c: c, reader: newReader(c.Text), seen: map[string]bool{}}
	for _, a := range t.choose(c) {
		if err := w.ask(ctx, a); err != nil {
			return &w.out, err
		}
	}
	return &w.out, nil
}

// choose draws the types for a context.
func (t *Teacher) choose(c *Context) []Ask {
	candidates := suiting(c)
	weights := make([]float64, len(candidates))
	for i := range weights {
		weights[i] = 1
	}
	if len(t.recipe.Types) > 0 {
		candidates, weights = nil, nil
		for _, a := range asks {
			if w := t.recipe.Types[a.Name]; w > 0 && a.suits(c) {
				candidates, weights = append(candidates, a), append(weights, w)
			}
		}
	}
	d := dice.New("teacher", c.id())
	var chosen []Ask
	for len(chosen) < min(t.recipe.PerContext, len(candidates)) {
		i := d.Weighted(weights)
		if i < 0 {
			break
		}
		weights[i] = 0
		chosen = append(chosen, candidates[i])
	}
	return chosen
}

// work is the work on one context.
type work struct {
	*Teacher
	c      *Context
	reader *reader
	runes  []rune
	seen   map[string]bool // questions
	out    Outcome
}

// call makes a call, or looks it up.
func (w *work) call(ctx context.Context, r endpoint.Request) (endpoint.Reply, error) {
	if !w.known {
		return w.client.Do(ctx, r)
	}
	reply, ok, err := w.client.Known(r)
	if err == nil && !ok {
		err = errUnknown
	}
	return reply, err
}

// errUnknown is a call that was not answered before.
var errUnknown = errors.New("the call was not made")

// again is what a teacher is told whose reply was no JSON.
const again = "That was not the JSON that was asked for. Reply with the JSON object alone."

// maxEcho bounds what of a bad reply goes back to the teacher, in bytes.
const maxEcho = 2000

// ask makes the call of a type, again if the reply is no JSON, and takes its items.
func (w *work) ask(ctx context.Context, a Ask) error {
	messages, err := w.messages(a)
	if err != nil {
		return err
	}
	id := w.c.id() + "/" + a.Name
	for try := 1; ; try++ {
		r := endpoint.Request{
			Model: w.recipe.Model, Messages: withContext(messages, w.c.Text), Settings: w.recipe.Settings,
		}
		reply, err := w.call(ctx, r)
		if reason, ok := w.missing(id, err); ok {
			return reason
		}
		items, err := itemsOf(reply)
		if bad, ok := errors.AsType[badReply](err); ok {
			if try < w.recipe.Attempts && bad.reason == reasonMalformed {
				echo := strings.ToValidUTF8(reply.Text[:min(len(reply.Text), maxEcho)], "")
				messages = append(messages, endpoint.Message{Role: "assistant", Content: echo},
					endpoint.Message{Role: "user", Content: again})
				continue
			}
			w.reject(id, bad.reason, bad.detail)
			return nil
		}
		for n, it := range items {
			if err := w.item(ctx, a, fmt.Sprintf("%s/%d", id, n), it, r, messages, reply); err != nil {
				return err
			}
		}
		return nil
	}
}

// missing deals with a call without a reply: the error that ends the run, or nil after it was
// counted.
func (w *work) missing(id string, err error) (error, bool) {
	failed, ok := errors.AsType[endpoint.Failed](err)
	switch {
	case err == nil:
		return nil, false
	case errors.Is(err, errUnknown):
		w.out.Left++
		return nil, true
	case ok:
		w.reject(id, "teacher-call-failed", failed.Reason)
		return nil, true
	}
	return err, true
}

func (w *work) reject(id, reason, detail string) {
	w.out.Rejects = append(w.out.Rejects, Reject{"teacher:" + id, reason, detail})
}

// item makes a row of an item, or rejects it.
func (w *work) item(ctx context.Context, a Ask, id string, it item, r endpoint.Request,
	messages []endpoint.Message, reply endpoint.Reply) error {
	row, problem := w.row(a, it)
	if problem != nil {
		w.reject(id, problem.reason, problem.detail)
		return nil
	}
	kept, settings := mustJSON(messages), mustJSON(r.Settings)
	row.AnswerSource = "teacher:" + w.recipe.Model
	row.Meta = map[string]string{
		MetaModel: reply.Model, MetaAsk: a.Name, MetaMessages: kept, MetaSettings: settings,
		MetaCall: r.Key(),
	}
	if !w.recipe.Critic.Off {
		verdict, err := w.judge(ctx, it, row.Evidence)
		if reason, ok := w.missing(id, err); ok {
			return reason
		}
		if verdict.problem != nil {
			w.reject(id, verdict.problem.reason, verdict.problem.detail)
			return nil
		}
		row.Meta[MetaCritic] = verdict.json
	}
	row.ID = rowID(row)
	row.QuestionFirst = dice.New("question first", row.ID).Float() < 0.5
	w.out.Rows = append(w.out.Rows, *row)
	return nil
}

// row checks an item and finds its evidence.
func (w *work) row(a Ask, it item) (*schemas.Example, *badReply) {
	pairs := it.pairs()
	if a.Turns && len(pairs) < 2 {
		return nil, &badReply{"no-conversation", fmt.Sprintf("%d turns", len(pairs))}
	}
	row := &schemas.Example{
		DocIDs: w.c.DocIDs, Genre: w.c.Genre, Task: a.Task, Context: w.c.Text, Licence: w.c.Licence,
		NTokens: w.c.NTokens, Split: w.c.Split,
	}
	var spans []schemas.Span
	for i, p := range pairs {
		question, answer := strings.TrimSpace(p.Question), strings.TrimSpace(p.Answer)
		switch {
		case question == "" || answer == "":
			return nil, &badReply{"empty-question-or-answer", fmt.Sprintf("%.80q", question+answer)}
		case strings.EqualFold(question, answer):
			return nil, &badReply{"answer-repeats-question", fmt.Sprintf("%.80q", question)}
		}
		found, missing := 0, ""
		for _, quote := range p.Evidence {
			if s, ok := w.reader.find(quote); ok {
				spans, found = append(spans, s), found+1
			} else if missing == "" {
				missing = quote
			}
		}
		switch {
		case len(p.Evidence) == 0:
			return nil, &badReply{"no-evidence", fmt.Sprintf("%.80q", question)}
		case found < len(p.Evidence):
			return nil, &badReply{"evidence-not-in-context", fmt.Sprintf("%.120q", missing)}
		}
		if i == 0 {
			row.Instruction, row.Output = question, answer
		} else {
			row.Turns = append(row.Turns, schemas.Turn{Question: question, Answer: answer})
		}
	}
	row.Evidence = ordered(spans)
	if alike := w.repeated(row.Instruction); alike {
		return nil, &badReply{"repeated-question", fmt.Sprintf("%.80q", row.Instruction)}
	}
	return row, nil
}

// repeated reports whether a question was asked about the context before: its words are almost the
// same.
func (w *work) repeated(question string) bool {
	words := wordSet(question)
	for before := range w.seen {
		if overlap(words, wordSet(before)) >= maxAlike {
			return true
		}
	}
	w.seen[question] = true
	return false
}

// maxAlike is the part of common words from which on two questions are one.
const maxAlike = 0.8

func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), notWord) {
		set[w] = true
	}
	return set
}

func overlap(a, b map[string]bool) float64 {
	both := 0
	for w := range a {
		if b[w] {
			both++
		}
	}
	if len(a)+len(b) == both {
		return 1
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

// mustJSON writes what always encodes.
func mustJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSpace(b.String())
}

// rowID names a row by its content.
func rowID(e *schemas.Example) string {
	h := sha256.New()
	all := []string{e.Task, e.Instruction, e.Output, e.Context}
	for _, t := range e.Turns {
		all = append(all, t.Question, t.Answer)
	}
	for _, s := range all {
		fmt.Fprintf(h, "%d\n%s", len(s), s)
	}
	return "teacher-" + hex.EncodeToString(h.Sum(nil)[:8])
}

// Call puts the request together again that a row says it is from, and reports whether its key is
// the one that the row names.
func Call(e *schemas.Example) (endpoint.Request, bool) {
	r := endpoint.Request{Model: strings.TrimPrefix(e.AnswerSource, "teacher:")}
	var messages []endpoint.Message
	if json.Unmarshal([]byte(e.Meta[MetaMessages]), &messages) != nil ||
		json.Unmarshal([]byte(e.Meta[MetaSettings]), &r.Settings) != nil {
		return r, false
	}
	r.Messages = withContext(messages, e.Context)
	return r, r.Key() == e.Meta[MetaCall]
}
