package serve

import (
	"context"
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
	TopLogprobs *int `json:"top_logprobs"`
	// TemplateVariables are further variables of the chat template, as other servers take them.
	TemplateVariables json.RawMessage `json:"chat_template_kwargs"`
}

func (s *Server) chatCompletions(w http.ResponseWriter, r *http.Request) {
	var q chatRequest
	err := decodeBody(w, r, &q)
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
	prompt, err := s.render(r.Context(), chat.Request{Messages: q.Messages, Tools: q.Tools,
		Generate: true, Variables: q.TemplateVariables})
	if err != nil {
		s.fail(w, err)
		return
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
	f := &chatForm{s.header("chatcmpl", "chat.completion"), j.Logprobs}
	if q.Stream {
		s.stream(w, r, j, &q.common, f)
		return
	}
	s.once(w, r, j, f)
}

// render makes a prompt of a conversation, when its turn comes.
func (s *Server) render(ctx context.Context, r chat.Request) ([]int32, error) {
	select {
	case s.renders <- struct{}{}:
		defer func() { <-s.renders }()
		return s.o.Talk.Prompt(ctx, r)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// logprobs reads what probabilities are wanted.
func (q *chatRequest) logprobs(j *job) error {
	if err := q.readLogprobs(&j.Logprobs); err != nil {
		return bad("logprobs: want true or false")
	}
	if q.TopLogprobs == nil {
		return nil
	}
	j.Top = *q.TopLogprobs
	if j.Top < 0 || j.Top > maxTop || !j.Logprobs {
		return bad("top_logprobs is %d, want 0 to %d, with logprobs", j.Top, maxTop)
	}
	return nil
}

// header is what all objects of one reply have.
type header struct {
	s        *Server
	id, name string
	created  int64
}

func (s *Server) header(prefix, name string) header {
	return header{s, newID(prefix), name, s.o.Now().Unix()}
}

func (h header) with(suffix string, choices []any) map[string]any {
	return map[string]any{"id": h.id, "object": h.name + suffix, "created": h.created,
		"model": h.s.o.Name, "choices": choices}
}

// chatForm is that of chat completions.
type chatForm struct {
	header
	logprobs bool
}

func (f *chatForm) object(stream bool, choices []any) map[string]any {
	if stream {
		return f.with(".chunk", choices)
	}
	return f.with("", choices)
}

func (f *chatForm) probabilities(p piece) any {
	if !f.logprobs {
		return nil
	}
	return f.s.chatLogprobs(p.tokens)
}

func (f *chatForm) choice(answer int, p piece, reason string) map[string]any {
	return map[string]any{"index": answer, "finish_reason": reason, "logprobs": f.probabilities(p),
		"message": map[string]any{"role": "assistant", "content": p.text, "refusal": nil}}
}

func (f *chatForm) delta(answer int, p piece, first bool, reason *string) map[string]any {
	delta := map[string]any{}
	if first {
		delta["role"] = "assistant"
	}
	out := map[string]any{"index": answer, "delta": delta, "finish_reason": reason, "logprobs": nil}
	if reason == nil {
		delta["content"], out["logprobs"] = p.text, f.probabilities(p)
	}
	return out
}
