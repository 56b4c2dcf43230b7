package serve

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"longlora/trainer/chat"
	"longlora/trainer/decode"
)

// TestNothingLeaks: after requests of every wrong manner, many at a time, the server answers as
// before, nothing runs, and no goroutine is left.
func TestNothingLeaks(t *testing.T) {
	loop, err := json.Marshal(map[string]any{"chat_template": "{% for i in range(3000) %}" +
		"{% for j in range(3000) %}{% for k in range(3000) %}{% set x = i %}{% endfor %}{% endfor %}{% endfor %}"})
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, func(o *Options, d *decode.Options) {
		d.Active, d.Queue, o.MaxBody = 2, 4, 8192
		if o.Talk, err = chat.NewTalk(fstest.MapFS{"tokenizer_config.json": {Data: loop}}, o.Tokenizer,
			chat.Own, nil); err != nil {
			t.Fatal(err)
		}
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	send := func(ctx context.Context, path, body string) {
		r, err := http.NewRequestWithContext(ctx, "POST", f.url+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Content-Type", "application/json")
		reply, err := client.Do(r)
		if err != nil {
			return // it went away, as it should
		}
		defer reply.Body.Close()
		if _, err := io.Copy(io.Discard, io.LimitReader(reply.Body, 300)); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}
	send(t.Context(), "/v1/completions", `{"prompt": "x", "max_tokens": 2}`)
	before := runtime.NumGoroutine()
	var wait sync.WaitGroup
	for range 6 {
		for _, c := range []struct {
			path, body string
			after      time.Duration
		}{
			{"completions", `{"prompt": "func", "max_tokens": 900, "stream": true}`, 50 * time.Millisecond},
			{"completions", `{"prompt": "func", "max_tokens": 900, "n": 3}`, 50 * time.Millisecond},
			{"completions", `{"prompt": "` + strings.Repeat("word ", 1200) + `", "max_tokens": 9}`, time.Minute},
			{"completions", `{"prompt": "` + strings.Repeat("word ", 2000) + `"}`, time.Minute},
			{"completions", `{"prompt": "func", "max_tokens": 30, "stream": true}`, time.Minute},
			{"completions", `{`, time.Minute},
			{"chat/completions", `{"messages": [{"role": "user", "content": "x"}]}`, 200 * time.Millisecond},
		} {
			wait.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), c.after)
				defer cancel()
				send(ctx, "/v1/"+c.path, c.body)
			})
		}
	}
	wait.Wait()
	for range 1000 {
		n := f.decoder.Stats()
		if n.Active+n.Waiting == 0 && runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := f.decoder.Stats(); n.Active+n.Waiting != 0 || runtime.NumGoroutine() > before {
		stacks := make([]byte, 1<<16)
		t.Errorf("%+v; %d goroutines, before %d:\n%s", n, runtime.NumGoroutine(), before,
			stacks[:runtime.Stack(stacks, true)])
	}
	if status, body := f.post(t, "/v1/completions", `{"prompt": "x", "max_tokens": 2}`); status != 200 {
		t.Errorf("afterwards: %d %s", status, body)
	}
}

// TestTooLargeIsNotRead: a body that is announced too large is refused before it comes.
func TestTooLargeIsNotRead(t *testing.T) {
	f := start(t, func(o *Options, _ *decode.Options) { o.MaxBody = 1000 })
	c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"+
		"Content-Type: application/json\r\nContent-Length: 1001\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 12)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "HTTP/1.1 413" {
		t.Errorf("%q %v", got, err)
	}
}
