package serve

import (
	"encoding/json"
	"net/http"
	"slices"
)

// completionRequest is the body of /v1/completions.
type completionRequest struct {
	common
	Prompt json.RawMessage `json:"prompt"`
}

// ids returns the prompt's tokens: of a text, with what the tokenizer puts before texts, or as they
// are given.
func (q *completionRequest) ids(s *Server) ([]int32, error) {
	var text string
	if json.Unmarshal(q.Prompt, &text) == nil && string(q.Prompt) != "null" {
		return s.o.Tokenizer.Encode(nil, text, true), nil
	}
	var list []string
	if json.Unmarshal(q.Prompt, &list) == nil && len(list) > 0 {
		if len(list) != 1 {
			return nil, bad("%d prompts in one request, want one", len(list))
		}
		return s.o.Tokenizer.Encode(nil, list[0], true), nil
	}
	var ids []int32
	if json.Unmarshal(q.Prompt, &ids) != nil || len(ids) == 0 {
		return nil, bad("prompt: want a text or a list of token ids")
	}
	if i := slices.IndexFunc(ids, func(id int32) bool { return id < 0 || int(id) >= s.o.Vocab }); i >= 0 {
		return nil, bad("prompt: token %d at %d outside vocabulary %d", ids[i], i, s.o.Vocab)
	}
	return ids, nil
}

func (s *Server) completions(w http.ResponseWriter, r *http.Request) {
	var q completionRequest
	err := decodeBody(w, r, &q)
	if err == nil {
		err = q.check(s)
	}
	var prompt []int32
	if err == nil {
		prompt, err = q.ids(s)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	if q.MaxTokens == nil {
		q.MaxTokens = new(min(16, max(s.o.Context-len(prompt), 1))) // the API's default
	}
	j, err := q.job(s, prompt)
	if err == nil {
		err = q.logprobs(&j)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	j.Stop = s.o.Talk.Stops()
	f := &textForm{s.header("cmpl", "text_completion"), j.Logprobs}
	if q.Stream {
		s.stream(w, r, j, &q.common, f)
		return
	}
	s.once(w, r, j, f)
}

// logprobs reads what probabilities are wanted: a number here.
func (q *completionRequest) logprobs(j *job) error {
	var n *int
	if err := q.readLogprobs(&n); err != nil || n != nil && (*n < 0 || *n > maxTop) {
		return bad("logprobs: want a number from 0 to %d", maxTop)
	}
	if n != nil {
		j.Logprobs, j.Top = true, *n
	}
	return nil
}

// textForm is that of completions.
type textForm struct {
	header
	logprobs bool
}

func (f *textForm) object(_ bool, choices []any) map[string]any { return f.with("", choices) }

func (f *textForm) choice(answer int, p piece, reason string) map[string]any {
	return f.delta(answer, p, false, &reason)
}

func (f *textForm) delta(answer int, p piece, _ bool, reason *string) map[string]any {
	out := map[string]any{"index": answer, "text": p.text, "finish_reason": reason, "logprobs": nil}
	if f.logprobs {
		out["logprobs"] = f.s.textLogprobs(p.tokens)
	}
	return out
}

// entry is the model in lists.
func (s *Server) entry() map[string]any {
	return map[string]any{"id": s.o.Name, "object": "model", "created": s.created,
		"owned_by": "local", "max_model_len": s.o.Context}
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]any{"object": "list", "data": []any{s.entry()}})
}

func (s *Server) model(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("name"); name != s.o.Name {
		s.fail(w, problem{http.StatusNotFound, "model_not_found", "there is no model " + name +
			", only " + s.o.Name})
		return
	}
	reply(w, s.entry())
}
