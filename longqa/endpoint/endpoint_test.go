package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"longlora/longqa/faketeacher"
)

func client(t *testing.T, folder string, s *faketeacher.Server, change func(*Options)) *Client {
	t.Helper()
	o := Options{URL: s.URL, Retries: 3, Timeout: 5 * time.Second, Silence: time.Second}
	if change != nil {
		change(&o)
	}
	c, err := Open(folder, o, "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // tests close some before
	return c
}

func request(text string) Request {
	return Request{Model: "m", Messages: []Message{{"system", "s"}, {"user", text}}}
}

// A call is streamed or not, carries key and settings, and is made once, by one client and by the
// next.
func TestDo(t *testing.T) {
	for _, whole := range []bool{false, true} {
		s := faketeacher.New(t)
		var seen faketeacher.Call
		s.Behave = func(w http.ResponseWriter, _ *http.Request, c *faketeacher.Call) bool {
			seen = *c
			s.Reply(w, c, "Grüße, "+strings.Repeat("wörter ", 20))
			return true
		}
		folder := t.TempDir()
		c := client(t, folder, s, func(o *Options) { o.NoStream = whole })
		seed, cool := int64(7), 0.5
		r := request("hello")
		r.Settings = Settings{MaxTokens: 99, Seed: &seed, Temperature: &cool, JSON: true}
		first, err := c.Do(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if first.Text != "Grüße, "+strings.Repeat("wörter ", 20) || first.Finish != "stop" ||
			first.In == 0 {
			t.Errorf("reply %+v", first)
		}
		for _, want := range []string{
			`"max_tokens":99`, `"seed":7`, `"temperature":0.5`, `"type":"json_object"`, `"model":"m"`,
		} {
			if !strings.Contains(seen.Body, want) {
				t.Errorf("request %s has no %s", seen.Body, want)
			}
		}
		if seen.Header.Get("Authorization") != "Bearer secret" || seen.Stream == whole ||
			seen.Header.Get("Idempotency-Key") != r.Key() {
			t.Errorf("headers %v, stream %v", seen.Header, seen.Stream)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c = client(t, folder, s, nil)
		again, err := c.Do(t.Context(), r)
		if err != nil || again != first || s.Calls() != 1 {
			t.Errorf("again %+v, %v; %d calls", again, err, s.Calls())
		}
		if stats := c.Stats(); stats.Cached != 1 || stats.SpentTotal != first.In+first.Out {
			t.Errorf("stats %+v", stats)
		}
	}
}

// The same call by many at one time goes out once.
func TestSameCallAtOnce(t *testing.T) {
	s := faketeacher.New(t)
	s.Behave = func(http.ResponseWriter, *http.Request, *faketeacher.Call) bool {
		time.Sleep(50 * time.Millisecond)
		return false
	}
	c := client(t, t.TempDir(), s, nil)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := c.Do(t.Context(), request("x")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if s.Calls() != 1 {
		t.Errorf("%d calls, want 1", s.Calls())
	}
}

// What can pass is tried again, and succeeds: each fault hits the first call.
func TestTriesAgain(t *testing.T) {
	faults := map[string]func(w http.ResponseWriter, r *http.Request, c *faketeacher.Call){
		"status-429": func(w http.ResponseWriter, _ *http.Request, _ *faketeacher.Call) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, `{"error":{"message":"slow down"}}`, http.StatusTooManyRequests)
		},
		"status-500": func(w http.ResponseWriter, _ *http.Request, _ *faketeacher.Call) {
			http.Error(w, `not even JSON`, http.StatusInternalServerError)
		},
		"cut": func(w http.ResponseWriter, _ *http.Request, c *faketeacher.Call) {
			w.Header().Set("Content-Type", "text/event-stream")
			faketeacher.Chunk(w, c.Model, "half a ", "")
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		},
		"cut-politely": func(w http.ResponseWriter, _ *http.Request, c *faketeacher.Call) {
			w.Header().Set("Content-Type", "text/event-stream")
			faketeacher.Chunk(w, c.Model, "half a ", "")
		},
		"malformed-response": func(w http.ResponseWriter, _ *http.Request, _ *faketeacher.Call) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: {\"choices\": [{\n\n")
		},
		"too-slow": func(w http.ResponseWriter, r *http.Request, c *faketeacher.Call) {
			w.Header().Set("Content-Type", "text/event-stream")
			faketeacher.Chunk(w, c.Model, "and then ", "")
			<-r.Context().Done()
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := faketeacher.New(t)
			s.Behave = func(w http.ResponseWriter, r *http.Request, c *faketeacher.Call) bool {
				if c.Number == 1 {
					fault(w, r, c)
				}
				return c.Number == 1
			}
			c := client(t, t.TempDir(), s, nil)
			begun := time.Now()
			if _, err := c.Do(t.Context(), request("x")); err != nil {
				t.Fatal(err)
			}
			reason := strings.TrimSuffix(name, "-politely")
			if stats := c.Stats(); stats.Retried[reason] != 1 || stats.Sent != 2 || stats.Answered != 1 {
				t.Errorf("stats %+v", stats)
			}
			if name == "status-429" && time.Since(begun) < time.Second {
				t.Errorf("came back after %v, was asked to wait a second", time.Since(begun))
			}
		})
	}
}

// What cannot pass ends the run at once, or after the retries, with a reason.
func TestGivesUp(t *testing.T) {
	status := func(code int, header, value string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			if header != "" {
				w.Header().Set(header, value)
			}
			http.Error(w, `{"error":{"message":"the reason"}}`, code)
		}
	}
	for _, c := range []struct {
		name  string
		do    func(http.ResponseWriter)
		want  string
		calls int
		fatal bool
	}{
		{"key", status(401, "", ""), "status 401: the reason", 1, true},
		{"path", status(404, "", ""), "404", 1, true},
		{"bad", status(400, "", ""), "status-400", 1, false},
		{"down", status(503, "Retry-After-Ms", "1"), "status-503", 3, false},
		{"long", status(429, "Retry-After", "7200"), "asks to wait 2h0m0s, more than max_wait", 1, true},
	} {
		s := faketeacher.New(t)
		s.Behave = func(w http.ResponseWriter, _ *http.Request, _ *faketeacher.Call) bool {
			c.do(w)
			return true
		}
		client := client(t, t.TempDir(), s, func(o *Options) { o.Retries = 2 })
		_, err := client.Do(t.Context(), request("x"))
		var fatal Fatal
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &fatal) != c.fatal {
			t.Errorf("%s: got %v, want %q in it, fatal %v", c.name, err, c.want, c.fatal)
		}
		if s.Calls() != c.calls {
			t.Errorf("%s: %d calls, want %d", c.name, s.Calls(), c.calls)
		}
	}
}

func TestWrongModel(t *testing.T) {
	s := faketeacher.New(t)
	s.Model = "other"
	c := client(t, t.TempDir(), s, nil)
	_, err := c.Do(t.Context(), request("x"))
	if err == nil || !strings.Contains(err.Error(), `asked for the model "m", "other" replied`) {
		t.Errorf("got %v", err)
	}
	c = client(t, t.TempDir(), s, func(o *Options) { o.Accept = []string{"other"} })
	if _, err := c.Do(t.Context(), request("x")); err != nil {
		t.Error(err)
	}
	for got, want := range map[string]bool{
		"m": true, "m-2025-01-01": true, "/models/m.gguf": true, `C:\m.gguf`: true, "": true, "mm": false,
		"m2": false, "m:latest": true,
	} {
		if sameModel("m", got) != want {
			t.Errorf("%q for m: got %v", got, !want)
		}
	}
}

// Nobody answers: the run ends and says so.
func TestUnreachable(t *testing.T) {
	s := faketeacher.New(t)
	c := client(t, t.TempDir(), s, func(o *Options) {
		o.URL, o.Retries = "http://127.0.0.1:1/v1", 1
	})
	_, err := c.Do(t.Context(), request("x"))
	var fatal Fatal
	if !errors.As(err, &fatal) || !strings.Contains(err.Error(), "answered calls are kept") {
		t.Errorf("got %v", err)
	}
}

// Spending never passes the budget, over runs too; calls on their way are set aside.
func TestBudget(t *testing.T) {
	s := faketeacher.New(t)
	folder := t.TempDir()
	change := func(o *Options) {
		o.Budget.Money, o.Price = 0.0021, Price{Input: 1, Output: 10} // per call: at most 0.00102, 0.0005 used
	}
	c := client(t, folder, s, change)
	var all sync.WaitGroup
	var mu sync.Mutex
	ok, refused := 0, 0
	for i := range 12 {
		all.Go(func() {
			r := request(fmt.Sprint("call ", i))
			r.Settings.MaxTokens = 100
			_, err := c.Do(t.Context(), r)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ok++
			} else if errors.Is(err, ErrBudget) {
				refused++
			} else {
				t.Error(err)
			}
		})
	}
	all.Wait()
	stats := c.Stats()
	if ok == 0 || refused == 0 || stats.SpentMoney > 0.0021 {
		t.Errorf("%d calls, %d refused, %.5f spent", ok, refused, stats.SpentMoney)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = client(t, folder, s, change)
	r := request("one more")
	r.Settings.MaxTokens = 100
	if _, err := c.Do(t.Context(), r); !errors.Is(err, ErrBudget) {
		t.Errorf("a second run with a spent budget: got %v", err)
	}
	c.purse.budget.Money = 1
	if _, err := c.Do(t.Context(), r); err != nil {
		t.Errorf("a larger budget: got %v", err)
	}
}

// A torn last line goes; a call that was on its way counts as spent and is made anew.
func TestJournalAfterKill(t *testing.T) {
	s := faketeacher.New(t)
	folder := t.TempDir()
	c := client(t, folder, s, nil)
	if _, err := c.Do(t.Context(), request("a")); err != nil {
		t.Fatal(err)
	}
	spent := c.Stats().SpentTotal
	b := request("b")
	b.Settings.MaxTokens = defaultMaxTokens
	if err := c.journal.sent(b.Key(), 10, 20); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, journalName)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(`{"key":"torn","reply":{"te`)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	c = client(t, folder, s, nil)
	if stats := c.Stats(); stats.Lost != 1 || stats.SpentTotal != spent+30 {
		t.Errorf("stats %+v, want 1 lost and %d spent", stats, spent+30)
	}
	for _, text := range []string{"a", "b"} {
		if _, err := c.Do(t.Context(), request(text)); err != nil {
			t.Fatal(err)
		}
	}
	if s.Calls() != 2 {
		t.Errorf("%d calls, want 2", s.Calls())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = client(t, folder, s, nil)
	if _, ok, err := c.Known(request("b")); !ok || err != nil {
		t.Errorf("b is not known after a torn line was cut: %v", err)
	}
	if err := os.WriteFile(path, []byte("{}\nnonsense\n{}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(folder); err == nil ||
		!strings.Contains(err.Error(), "line 2 is damaged") {
		t.Errorf("a damaged journal: got %v", err)
	}
}

// A call that was on its way when a run was killed reaches a server that knows Idempotency-Key with
// the key that it had, so that the server works once; with lost_calls: leave it is not made at all.
func TestLostCalls(t *testing.T) {
	s := faketeacher.New(t)
	var mu sync.Mutex
	worked := map[string]int{} // by key: how often the model ran
	arrived := make(chan bool, 1)
	s.Behave = func(w http.ResponseWriter, r *http.Request, c *faketeacher.Call) bool {
		mu.Lock()
		key := r.Header.Get("Idempotency-Key")
		known := worked[key] > 0
		if !known {
			worked[key]++
		}
		mu.Unlock()
		if known {
			return false // its reply is there
		}
		arrived <- true
		<-r.Context().Done() // the client dies before the reply
		return true
	}
	folder := t.TempDir()
	path := filepath.Join(folder, journalName)
	c := client(t, folder, s, nil)
	ctx, kill := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.Do(ctx, request("a"))
		done <- err
	}()
	<-arrived
	journal, err := os.ReadFile(path) // as kill -9 leaves it
	kill()
	if err2 := <-done; err != nil || !errors.Is(err2, context.Canceled) {
		t.Fatal(err, err2)
	}
	if err := errors.Join(c.Close(), os.WriteFile(path, journal, 0o666)); err != nil {
		t.Fatal(err)
	}
	left := client(t, folder, s, func(o *Options) { o.LostCalls = LostLeft })
	_, err = left.Do(t.Context(), request("a"))
	if failed, ok := errors.AsType[Failed](err); !ok || !strings.Contains(failed.Reason, "lost") ||
		s.Calls() != 1 {
		t.Errorf("left: %v, %d calls came in", err, s.Calls())
	}
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	c = client(t, folder, s, nil)
	if _, err := c.Do(t.Context(), request("a")); err != nil {
		t.Error(err)
	}
	if len(worked) != 1 || s.Calls() != 2 || c.Stats().Lost != 1 {
		t.Errorf("the model ran for %v in %d calls, %d lost", worked, s.Calls(), c.Stats().Lost)
	}
	for _, n := range worked {
		if n != 1 {
			t.Errorf("the model ran %d times for one call", n)
		}
	}
}

// A second process is refused.
func TestJournalIsLocked(t *testing.T) {
	s := faketeacher.New(t)
	folder := t.TempDir()
	client(t, folder, s, nil)
	if _, err := Open(folder, Options{URL: s.URL}, ""); err == nil ||
		!strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
}

// Calls keep within the rates.
func TestPace(t *testing.T) {
	ctx := context.Background()
	p := newPace(600, 0) // one in a tenth of a second
	begun := time.Now()
	for range 4 {
		if err := p.wait(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(begun); d < 290*time.Millisecond {
		t.Errorf("4 calls at 600 a minute in %v", d)
	}
	p = newPace(0, 6000) // 100 a second, 6,000 at once
	begun = time.Now()
	for _, n := range []int64{5000, 1000, 30} {
		if err := p.wait(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(begun); d < 250*time.Millisecond {
		t.Errorf("6,030 tokens at 6,000 a minute in %v", d)
	}
	p.used(5000, 100)
	begun = time.Now()
	if err := p.wait(ctx, 4000); err != nil || time.Since(begun) > 200*time.Millisecond {
		t.Errorf("tokens given back: waited %v, %v", time.Since(begun), err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "3", 3 * time.Second}, {"Retry-After", "0.5", time.Second / 2},
		{"Retry-After", now.Add(time.Minute).Format(http.TimeFormat), time.Minute},
		{"Retry-After", now.Add(-time.Minute).Format(http.TimeFormat), 0},
		{"Retry-After-Ms", "250", time.Second / 4}, {"Retry-After", "soon", 0}, {"X", "1", 0},
	} {
		h := http.Header{}
		h.Set(c.name, c.value)
		if got := retryAfter(h, now); got != c.want {
			t.Errorf("%s %q: %v, want %v", c.name, c.value, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	o := Options{URL: "nowhere", Retries: -1, TokensField: "n", Budget: Budget{Money: 1}}
	err := o.Validate()
	for _, want := range []string{"is no URL", "retries is -1", "tokens_field", "needs price.input"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
