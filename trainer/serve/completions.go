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
	err := decodeBody(r, &q)
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
	job, err := q.job(s, prompt)
	if err != nil {
		s.fail(w, err)
		return
	}
	job.Stop = s.o.Talk.Stops()
	head := s.head("cmpl", "text_completion")
	if q.Stream {
		s.stream(w, r, job, &q.common, func(text string, _ bool, reason *string) map[string]any {
			return head("", map[string]any{"index": 0, "text": text, "finish_reason": reason,
				"logprobs": nil})
		})
		return
	}
	s.once(w, r, job, &q.common, func(a *whole) map[string]any {
		out := head("", map[string]any{"index": 0, "text": a.text, "finish_reason": a.reason,
			"logprobs": nil})
		out["usage"] = a.usage
		return out
	})
}

// described is the model in lists.
func (s *Server) described() map[string]any {
	return map[string]any{"id": s.o.Name, "object": "model", "created": s.created,
		"owned_by": "local", "max_model_len": s.o.Context}
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]any{"object": "list", "data": []any{s.described()}})
}

func (s *Server) model(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("name"); name != s.o.Name {
		s.fail(w, problem{http.StatusNotFound, "model_not_found", "there is no model " + name +
			", only " + s.o.Name})
		return
	}
	reply(w, s.described())
}
