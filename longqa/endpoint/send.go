package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/shared"

	"longlora/longqa/dice"
)

// sender makes one attempt of a call over the network.
type sender struct {
	options Options
	service openai.ChatCompletionService
}

func newSender(o Options, key string) *sender {
	options := []option.RequestOption{
		option.WithBaseURL(strings.TrimSuffix(o.URL, "/") + "/"), option.WithMaxRetries(0),
		// The library's own retries cannot be counted or paced, so they are off.
		option.WithHTTPClient(&http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}),
	}
	if key != "" {
		options = append(options, option.WithAPIKey(key))
	}
	return &sender{options: o, service: openai.NewChatCompletionService(options...)}
}

// errSilent and errSlow end attempts that take too long.
var (
	errSilent = errors.New("no word for longer than silence_timeout")
	errSlow   = errors.New("no reply within timeout")
	errCut    = errors.New("the connection was cut before the reply ended")
	errMute   = fmt.Errorf("%w, and not a word came: is the prompt longer than the server's context?",
		errCut)
)

// send makes one attempt. The key goes along, so that a server that knows it works once.
func (s *sender) send(ctx context.Context, r Request, key string) (Reply, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := time.AfterFunc(s.options.Timeout, func() { cancel(errSlow) })
	defer slow.Stop()
	idempotent := option.WithHeader("Idempotency-Key", key)
	var reply Reply
	var err error
	if s.options.NoStream {
		reply, err = s.whole(ctx, r, idempotent)
	} else {
		reply, err = s.streamed(ctx, cancel, r, idempotent)
	}
	if cause := context.Cause(ctx); err != nil && (cause == errSilent || cause == errSlow) {
		err = cause
	}
	if err != nil {
		return Reply{}, err
	}
	if reply.In == 0 && reply.Out == 0 {
		reply.In, reply.Out, reply.Estimated = r.estimate(), int64(len(reply.Text))/3+1, true
	}
	return reply, nil
}

func (s *sender) whole(ctx context.Context, r Request, o option.RequestOption) (Reply, error) {
	c, err := s.service.New(ctx, s.params(r), o)
	if err != nil {
		return Reply{}, err
	}
	if len(c.Choices) == 0 {
		return Reply{}, errors.New("the reply has no choices")
	}
	choice := c.Choices[0]
	return Reply{
		Text: choice.Message.Content, Refusal: choice.Message.Refusal, Model: c.Model,
		Finish: choice.FinishReason, In: c.Usage.PromptTokens, Out: c.Usage.CompletionTokens,
	}, nil
}

func (s *sender) streamed(ctx context.Context, cancel context.CancelCauseFunc, r Request,
	o option.RequestOption) (Reply, error) {
	p := s.params(r)
	p.StreamOptions.IncludeUsage = param.NewOpt(true)
	silent := time.AfterFunc(s.options.Silence, func() { cancel(errSilent) })
	defer silent.Stop()
	stream := s.service.NewStreaming(ctx, p, o)
	defer stream.Close()
	var reply Reply
	var text, refusal strings.Builder
	for stream.Next() {
		silent.Reset(s.options.Silence)
		chunk := stream.Current()
		if chunk.Model != "" {
			reply.Model = chunk.Model
		}
		if chunk.Usage.PromptTokens > 0 || chunk.Usage.CompletionTokens > 0 {
			reply.In, reply.Out = chunk.Usage.PromptTokens, chunk.Usage.CompletionTokens
		}
		if len(chunk.Choices) == 0 {
			continue
		}
		choice := chunk.Choices[0]
		text.WriteString(choice.Delta.Content)
		refusal.WriteString(choice.Delta.Refusal)
		if choice.FinishReason != "" {
			reply.Finish = choice.FinishReason
		}
	}
	reply.Text, reply.Refusal = text.String(), refusal.String()
	if err := stream.Err(); err != nil {
		return Reply{}, err
	}
	switch {
	case reply.Finish == "" && reply.Text == "" && reply.Refusal == "":
		return Reply{}, errMute
	case reply.Finish == "":
		return Reply{}, errCut
	}
	return reply, nil
}

func (s *sender) params(r Request) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{Model: r.Model}
	for _, m := range r.Messages {
		switch m.Role {
		case "system":
			p.Messages = append(p.Messages, openai.SystemMessage(m.Content))
		case "assistant":
			p.Messages = append(p.Messages, openai.AssistantMessage(m.Content))
		default:
			p.Messages = append(p.Messages, openai.UserMessage(m.Content))
		}
	}
	most := param.NewOpt(int64(r.Settings.MaxTokens))
	if s.options.TokensField == "max_completion_tokens" {
		p.MaxCompletionTokens = most
	} else {
		p.MaxTokens = most
	}
	if t := r.Settings.Temperature; t != nil {
		p.Temperature = param.NewOpt(*t)
	}
	if t := r.Settings.TopP; t != nil {
		p.TopP = param.NewOpt(*t)
	}
	if n := r.Settings.Seed; n != nil {
		p.Seed = param.NewOpt(*n)
	}
	if r.Settings.JSON {
		p.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
	}
	return p
}

// wrongModel is a reply by another model than was asked.
type wrongModel struct{ want, got string }

func (w wrongModel) Error() string {
	return fmt.Sprintf("asked for the model %q, %q replied; name the right one, or list it under "+
		"accept_models", w.want, w.got)
}

// sameModel compares names: servers add dates and folders ("m-2025-01-01", "/models/m.gguf"), or
// give none.
func sameModel(want, got string) bool {
	base := func(s string) string {
		return strings.TrimSuffix(path.Base(strings.ReplaceAll(s, `\`, "/")), ".gguf")
	}
	return got == "" || got == want || base(got) == base(want) ||
		strings.HasPrefix(got, want+"-") || strings.HasPrefix(got, want+":")
}

// trouble is what to do about an error.
type trouble struct {
	reason, detail string
	again          bool // the call may be tried again
	fatal          bool // no call can succeed
	down           bool // the endpoint cannot be reached
	wait           time.Duration
}

func judge(ctx context.Context, err error) trouble {
	t := trouble{detail: short(err.Error())}
	var api *openai.Error
	var wrong wrongModel
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		t.reason = "cancelled"
	case errors.As(err, &wrong):
		t.reason, t.fatal = "wrong-model", true
	case errors.As(err, &api):
		return judgeStatus(api)
	case errors.Is(err, errSilent), errors.Is(err, errSlow):
		t.reason, t.again = "too-slow", true
	case errors.Is(err, syscall.ECONNREFUSED), errors.As(err, &dns):
		t.reason, t.again, t.down = "unreachable", true, true
	case errors.Is(err, errCut), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		errors.Is(err, syscall.ECONNRESET):
		t.reason, t.again = "cut", true
	default:
		t.reason, t.again = "malformed-response", true
	}
	return t
}

func judgeStatus(api *openai.Error) trouble {
	t := trouble{
		reason: "status-" + strconv.Itoa(api.StatusCode),
		detail: short(fmt.Sprintf("status %d: %s", api.StatusCode, api.Message)),
	}
	switch {
	case api.StatusCode == http.StatusUnauthorized, api.StatusCode == http.StatusForbidden,
		api.StatusCode == http.StatusNotFound, api.StatusCode == http.StatusPaymentRequired:
		t.fatal, t.detail = true, t.detail+wayOut(api.StatusCode)
	case api.StatusCode == http.StatusRequestTimeout, api.StatusCode == http.StatusConflict,
		api.StatusCode == http.StatusTooManyRequests, api.StatusCode >= 500:
		t.again = true
		if api.Response != nil {
			t.wait = retryAfter(api.Response.Header, time.Now())
		}
	}
	return t
}

// wayOut says what to look at when an endpoint refuses.
func wayOut(status int) string {
	if status == http.StatusNotFound {
		return "; look at endpoint and model"
	}
	return "; look at the key in the variable that api_key_env names, and run the command again: answered " +
		"calls are kept"
}

// retryAfter is what the headers ask to wait: seconds, milliseconds or a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	value := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(value, 64); err == nil && s > 0 {
		return time.Duration(s * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// backoff doubles from half a second up to half a minute, with a part drawn by the call, so that
// calls that failed together do not come back together.
func backoff(key string, try int) time.Duration {
	wait := min(500*time.Millisecond<<min(try, 8), 30*time.Second)
	draw := dice.New("backoff", key, strconv.Itoa(try)).Float()
	return wait/2 + time.Duration(draw*float64(wait/2))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// short is one line of a message, without its end if it is long.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
