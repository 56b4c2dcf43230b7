package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/plan"
	"longlora/trainer/chat"
	"longlora/trainer/decode"
	"longlora/trainer/generate"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// TestMain lets the test binary be the process that renders chat templates.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == chat.Command {
		if err := chat.Work(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// fixture is a small model behind a server.
type fixture struct {
	m       *model.Model
	tok     *tokenizer.Tokenizer
	talk    *chat.Talk
	decoder *decode.Server
	url     string
}

// small returns a model with random weights and the default tokenizer's vocabulary.
func small(t *testing.T) *model.Model {
	t.Helper()
	b, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{Vocab: 4096, Hidden: 16, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 8, FFN: 24,
		Eps: 1e-6, Tied: true}
	spec := rope.Spec{Kind: rope.Default, Theta: 10_000, Factor: 1, Max: 1024, Original: 1024}
	m, err := model.New(b, c, model.Options{Context: 1024, Rotary: spec.Rotary(c.HeadDim),
		Planner: func() kernels.Backend { return plan.New() }})
	if err == nil {
		err = m.Init(3)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	return m
}

func start(t *testing.T, change func(*Options, *decode.Options)) *fixture {
	t.Helper()
	f := &fixture{m: small(t)}
	var err error
	if f.tok, err = tokenizer.Parse("tokenizer.json", defaults.TokenizerFile()); err != nil {
		t.Fatal(err)
	}
	if f.talk, err = chat.NewTalk(fstest.MapFS{}, f.tok, "", nil); err != nil {
		t.Fatal(err)
	}
	o := Options{Name: "base", Tokenizer: f.tok, Talk: f.talk, Context: 1024,
		Vocab: 4096, Metrics: true, Now: func() time.Time { return time.Unix(1000, 0) }}
	d := decode.Options{Chunk: 64}
	if change != nil {
		change(&o, &d)
	}
	if f.decoder, err = decode.New(f.m, d); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.decoder.Close(); err != nil {
			t.Error(err)
		}
	})
	o.Decoder = f.decoder
	server := httptest.NewServer(New(o).Handler())
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fixture) post(t *testing.T, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return send(t, r, header)
}

func send(t *testing.T, r *http.Request, header []string) (int, string) {
	t.Helper()
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(data)
}

type completion struct {
	ID, Object, Model string
	Created           int64
	Choices           []struct {
		Index        int
		Text         string
		Message      struct{ Role, Content string }
		Delta        struct{ Role, Content string }
		FinishReason *string `json:"finish_reason"`
	}
	Usage *usage
}

func parse(t *testing.T, text string) (c completion) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return c
}

const question = `{"model": "base", "temperature": 0, "max_tokens": 12,
	"messages": [{"role": "user", "content": "func main"}]`

// alone returns what the model answers without a server.
func (f *fixture) alone(t *testing.T) string {
	t.Helper()
	ids, err := f.talk.Prompt(t.Context(), chat.Request{Generate: true,
		Messages: json.RawMessage(`[{"role": "user", "content": "func main"}]`)})
	if err != nil {
		t.Fatal(err)
	}
	out, err := generate.Run(t.Context(), f.m, ids,
		generate.Options{MaxNew: 12, Stop: f.talk.Stops()}, generate.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.tok.Decode(out, true)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestChat(t *testing.T) {
	f := start(t, nil)
	status, body := f.post(t, "/v1/chat/completions", question+"}")
	c := parse(t, body)
	if status != 200 || c.Object != "chat.completion" || c.Created != 1000 || c.Model != "base" ||
		!strings.HasPrefix(c.ID, "chatcmpl-") || c.Choices[0].Message.Role != "assistant" ||
		*c.Choices[0].FinishReason != "length" {
		t.Fatalf("%d %s", status, body)
	}
	if c.Usage.Completion != 12 || c.Usage.Total != c.Usage.Prompt+12 {
		t.Errorf("usage %+v", c.Usage)
	}
	streamed, last, comments := f.stream(t, "/v1/chat/completions",
		question+`, "stream": true, "stream_options": {"include_usage": true}}`)
	if streamed != c.Choices[0].Message.Content || last.Usage == nil ||
		last.Usage.Details.Cached != c.Usage.Prompt-1 || comments == 0 {
		t.Errorf("streamed %q, %+v, %d comments; want %q", streamed, last.Usage, comments,
			c.Choices[0].Message.Content)
	}
	if err := f.decoder.Close(); err != nil {
		t.Fatal(err)
	}
	if want := f.alone(t); streamed != want {
		t.Errorf("%q, want %q", streamed, want)
	}
}

// stream reads server-sent events and returns the text, the last object and the number of comments.
func (f *fixture) stream(t *testing.T, path, body string) (text string, last completion, comments int) {
	t.Helper()
	_, all := f.post(t, path, body)
	if !strings.HasSuffix(all, "data: [DONE]\n\n") {
		t.Fatalf("the stream ends with %q", all[max(0, len(all)-60):])
	}
	reason := ""
	for event := range strings.SplitSeq(strings.TrimSuffix(all, "data: [DONE]\n\n"), "\n\n") {
		data, ok := strings.CutPrefix(event, "data: ")
		if !ok {
			if event != "" {
				comments++
			}
			continue
		}
		last = parse(t, data)
		for _, c := range last.Choices {
			text += c.Delta.Content + c.Text
			if c.FinishReason != nil {
				reason = *c.FinishReason
			}
		}
	}
	if reason == "" {
		t.Error("no finish_reason")
	}
	return text, last, comments
}

func TestCompletions(t *testing.T) {
	f := start(t, nil)
	status, body := f.post(t, "/v1/completions",
		`{"prompt": "func main() {\n", "max_tokens": 30, "temperature": 0}`)
	whole := parse(t, body)
	if status != 200 || whole.Object != "text_completion" {
		t.Fatalf("%d %s", status, body)
	}
	ids, err := json.Marshal(f.tok.Encode(nil, "func main() {\n", true))
	if err != nil {
		t.Fatal(err)
	}
	_, body = f.post(t, "/v1/completions",
		fmt.Sprintf(`{"prompt": %s, "max_tokens": 30, "temperature": 0}`, ids))
	if got := parse(t, body).Choices[0].Text; got != whole.Choices[0].Text {
		t.Errorf("by ids %q, want %q", got, whole.Choices[0].Text)
	}
	streamed, _, _ := f.stream(t, "/v1/completions",
		`{"prompt": ["func main() {\n"], "max_tokens": 30, "temperature": 0, "stream": true}`)
	if streamed != whole.Choices[0].Text {
		t.Errorf("streamed %q, want %q", streamed, whole.Choices[0].Text)
	}
	// A stop text ends the answer before it, also across tokens.
	text := whole.Choices[0].Text
	stop := text[len(text)/2 : len(text)/2+5]
	encoded, err := json.Marshal(stop)
	if err != nil {
		t.Fatal(err)
	}
	_, body = f.post(t, "/v1/completions", fmt.Sprintf(
		`{"prompt": "func main() {\n", "max_tokens": 30, "temperature": 0, "stop": [%s, "never"]}`, encoded))
	c := parse(t, body)
	if want := text[:strings.Index(text, stop)]; c.Choices[0].Text != want ||
		*c.Choices[0].FinishReason != "stop" {
		t.Errorf("stopped at %q: %s, want %q", stop, body, want)
	}
}

func TestRefusals(t *testing.T) {
	f := start(t, func(o *Options, _ *decode.Options) { o.MaxNew, o.MaxBody = 50, 8192 })
	long := strings.Repeat("word ", 1100)
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"chat/completions", `{`, 400, "the body is not as it should be"},
		{"chat/completions", `{"messages": []}`, 400, "the list is empty"},
		{"chat/completions", `{"messages": 3}`, 400, "want a list of objects"},
		{"chat/completions", question + `, "n": 17}`, 400, "n is 17, want 1 to 16"},
		{"chat/completions", question + `, "temperature": -1}`, 400, "temperature is -1"},
		{"chat/completions", question + `, "logprobs": 3}`, 400, "logprobs: want true or false"},
		{"chat/completions", question + `, "top_logprobs": 2}`, 400, "top_logprobs is 2, want 0 to 20, with logprobs"},
		{"chat/completions", question + `, "best_of": 3}`, 400, "best_of is 3"},
		{"completions", `{"prompt": "x", "logprobs": 21}`, 400, "logprobs: want a number from 0 to 20"},
		{"chat/completions", question + `, "presence_penalty": 2.5}`, 400, "presence_penalty"},
		{"chat/completions", question + `, "min_p": 1.5}`, 400, "min-p is 1.5"},
		{"chat/completions", question + `, "logit_bias": {"1": 200}}`, 400, "logit_bias: 200 for token 1"},
		{"chat/completions", question + `, "logit_bias": {"4096": 2}}`, 400, "tokens below 4096"},
		{"chat/completions", question + `, "stop": [""]}`, 400, "a text in stop is empty"},
		{"chat/completions", question + `, "response_format": {"type": "json_object"}}`, 400,
			"response_format json_object is not supported"},
		{"chat/completions", question + `, "tools": [{"type": "function"}]}`, 400, "knows no tools"},
		{"chat/completions", question + `, "max_tokens": 51}`, 400, "at most 50"},
		{"chat/completions", question + `, "max_tokens": 0}`, 400, "0 new tokens"},
		{"chat/completions", question + `, "model": "gpt"}`, 404, "there is no model gpt"},
		{"completions", `{"prompt": "x", "echo": true}`, 400, "echo and suffix"},
		{"completions", `{"prompt": ["a", "b"]}`, 400, "2 prompts"},
		{"completions", `{"prompt": [999999]}`, 400, "outside vocabulary"},
		{"completions", `{"prompt": {}}`, 400, "want a text or a list of token ids"},
		{"completions", `{"prompt": "` + long + `", "max_tokens": 50}`, 400, "context_length_exceeded"},
		{"completions", `{"prompt": "` + long + long + `"}`, 413, "more than 8192 bytes"},
		{"other", `{}`, 404, "there is no POST /v1/other"},
	} {
		status, body := f.post(t, "/v1/"+c.path, c.body)
		if status != c.status || !strings.Contains(body, c.want) || !strings.Contains(body, `"error"`) {
			t.Errorf("%.80s: %d %s, want %d %q", c.body, status, body, c.status, c.want)
		}
	}
	if status, _ := f.post(t, "/v1/completions", "x", "Content-Type", "text/plain"); status != 415 {
		t.Errorf("text/plain: %d", status)
	}
	if status, body := f.post(t, "/v1/completions", `{"prompt": "x", "max_tokens": 2}`); status != 200 {
		t.Errorf("after all that: %d %s", status, body)
	}
}

func TestAccess(t *testing.T) {
	f := start(t, func(o *Options, _ *decode.Options) { o.Token = "secret" })
	get := func(path string, header ...string) int {
		r, err := http.NewRequestWithContext(t.Context(), "GET", f.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := send(t, r, header)
		return status
	}
	for _, c := range []struct {
		got, want int
	}{
		{get("/v1/models"), 401}, {get("/v1/models", "Authorization", "Bearer wrong"), 401},
		{get("/v1/models", "Authorization", "Bearer secret"), 200}, {get("/metrics"), 401},
		{get("/"), 200}, {get("/health"), 200}, {get("/page.js"), 200}, {get("/nothing"), 404},
		{get("/v1/models/base", "Authorization", "Bearer secret"), 200},
		{get("/v1/models/other", "Authorization", "Bearer secret"), 404},
		{get("/v1/models", "Authorization", "Bearer secret", "Origin", "http://elsewhere"), 403},
		{get("/v1/models", "Authorization", "Bearer secret", "Host", "name.example"), 200},
	} {
		if c.got != c.want {
			t.Errorf("status %d, want %d", c.got, c.want)
		}
	}
	open := start(t, nil)
	f.url = open.url
	if got := get("/v1/models", "Host", "name.example"); got != 403 {
		t.Errorf("another name for this machine: %d, want 403", got)
	}
	for address, want := range map[string]bool{"127.0.0.1:1": true, "localhost:1": true, "[::1]:1": true,
		"0.0.0.0:1": false, ":8080": false, "192.168.1.2:1": false, "x": false} {
		if err := CheckAddress(address, ""); (err == nil) != want {
			t.Errorf("%s without a token: %v", address, err)
		}
	}
	if err := CheckAddress("0.0.0.0:1", "secret"); err != nil {
		t.Error(err)
	}
}

// TestDisconnect: who goes away while being answered ends that answer alone.
func TestDisconnect(t *testing.T) {
	f := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", f.url+"/v1/completions",
		strings.NewReader(`{"prompt": "func", "max_tokens": 1000, "stream": true, "temperature": 0}`))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(reply.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, ": read") {
		t.Fatalf("%q %v", line, err)
	}
	cancel()
	reply.Body.Close()
	for range 1000 {
		if n := f.decoder.Stats(); n.Dropped == 1 && n.Active == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := f.decoder.Stats(); n.Dropped != 1 || n.Active != 0 || n.Chosen == 1000 {
		t.Errorf("stats %+v", n)
	}
	if status, body := f.post(t, "/v1/completions", `{"prompt": "x", "max_tokens": 2}`); status != 200 {
		t.Errorf("afterwards: %d %s", status, body)
	}
}

func TestFullQueue(t *testing.T) {
	f := start(t, func(_ *Options, d *decode.Options) { d.Active, d.Queue = 1, 1 })
	var wait sync.WaitGroup
	var mu sync.Mutex
	statuses, tokens := map[int]int{}, 0
	for range 12 {
		wait.Go(func() {
			status, body := f.post(t, "/v1/completions", `{"prompt": "func", "max_tokens": 60}`)
			var answer struct {
				Usage struct {
					Tokens int `json:"completion_tokens"`
				} `json:"usage"`
			}
			err := json.Unmarshal([]byte(body), &answer)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%v: %s", err, body)
			}
			statuses[status]++
			tokens += answer.Usage.Tokens
			if status == 429 && !strings.Contains(body, "rate_limit_exceeded") {
				t.Errorf("429: %s", body)
			}
		})
	}
	wait.Wait()
	if statuses[200]+statuses[429] != 12 || statuses[200] == 0 || statuses[429] == 0 {
		t.Errorf("statuses %v", statuses)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", f.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, metrics := send(t, r, nil)
	for _, want := range []string{
		fmt.Sprintf(`longlora_requests_total{code="429"} %d`, statuses[429]),
		fmt.Sprintf(`longlora_requests_total{code="200"} %d`, statuses[200]),
		fmt.Sprintf("longlora_requests_rejected_total %d", statuses[429]),
		fmt.Sprintf("longlora_generated_tokens_total %d", tokens),
		"longlora_generations_active 0", "# TYPE longlora_cache_bytes gauge",
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("metrics lack %q:\n%s", want, metrics)
		}
	}
}

// TestStop: when the server ends, what runs has a moment, and Serve returns.
func TestStop(t *testing.T) {
	f := start(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	server := New(Options{Name: "base", Decoder: f.decoder, Tokenizer: f.tok, Talk: f.talk,
		Context: 1024, Vocab: 4096})
	go func() { done <- server.Serve(ctx, l) }()
	f.url = "http://" + l.Addr().String()
	if status, _ := f.post(t, "/v1/completions", `{"prompt": "x", "max_tokens": 2}`); status != 200 {
		t.Errorf("status %d", status)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * stopTimeout):
		t.Error("Serve does not return")
	}
}

func TestExplain(t *testing.T) {
	for status, err := range map[int]error{
		503: fmt.Errorf("x: %w", decode.ErrClosed), 429: decode.ErrBusy, 400: errors.New("other"),
	} {
		if p := explain(err); p.status != status {
			t.Errorf("%v is %d, want %d", err, p.status, status)
		}
	}
}
