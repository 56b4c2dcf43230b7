package serve

import (
	"encoding/json"
	"net/http"

	"longlora/trainer/chat"
)

// chatRequest is the body of /v1/chat/completions.
type chatRequest struct {
	common
	Messages            json.RawMessage `json:"messages"`
	Tools               json.RawMessage `json:"tools"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	ResponseFormat      *struct {
		Type string `json:"type"`
	} `json:"response_format"`
	// TemplateVariables are further variables of the chat template, as other servers take them.
	TemplateVariables json.RawMessage `json:"chat_template_kwargs"`
}

func (s *Server) chatCompletions(w http.ResponseWriter, r *http.Request) {
	var q chatRequest
	err := decodeBody(r, &q)
	if err == nil {
		err = q.check(s)
	}
	if f := q.ResponseFormat; err == nil && f != nil && f.Type != "text" {
		err = bad("response_format %s is not supported: ask for it in words", f.Type)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	if q.MaxTokens == nil {
		q.MaxTokens = q.MaxCompletionTokens
	}
	prompt, err := s.o.Talk.Prompt(r.Context(), chat.Request{Messages: q.Messages, Tools: q.Tools,
		Generate: true, Variables: q.TemplateVariables})
	if err != nil {
		s.fail(w, err)
		return
	}
	job, err := q.job(s, prompt)
	if err != nil {
		s.fail(w, err)
		return
	}
	job.Stop = s.o.Talk.Stops()
	head := s.head("chatcmpl", "chat.completion")
	if q.Stream {
		s.stream(w, r, job, &q.common, func(text string, first bool, reason *string) map[string]any {
			delta := map[string]any{}
			if first {
				delta["role"] = "assistant"
			}
			if reason == nil {
				delta["content"] = text
			}
			return head(".chunk", map[string]any{"index": 0, "delta": delta, "finish_reason": reason})
		})
		return
	}
	s.once(w, r, job, &q.common, func(a *whole) map[string]any {
		out := head("", map[string]any{"index": 0, "finish_reason": a.reason,
			"message": map[string]any{"role": "assistant", "content": a.text}})
		out["usage"] = a.usage
		return out
	})
}

// head returns what makes the objects of one reply, whose parts have one id.
func (s *Server) head(prefix, object string) func(suffix string, choice any) map[string]any {
	id, created := newID(prefix), s.o.Now().Unix()
	return func(suffix string, choice any) map[string]any {
		return map[string]any{"id": id, "object": object + suffix, "created": created,
			"model": s.o.Name, "choices": []any{choice}}
	}
}
