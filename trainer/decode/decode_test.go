package decode

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/plan"
	"longlora/trainer/generate"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// tiny is a model with random weights and grouped keys.
func tiny(t testing.TB, context int) *model.Model {
	t.Helper()
	b, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{
		Vocab: 97, Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 48, Eps: 1e-6,
		Tied: true,
	}
	spec := rope.Spec{Kind: rope.Default, Theta: 10_000, Factor: 1, Max: context, Original: context}
	m, err := model.New(b, c, model.Options{
		Context: context, Rotary: spec.Rotary(c.HeadDim),
		Planner: func() kernels.Backend { return plan.New() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := m.Init(7); err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Params() { // larger logits: an untrained head is nearly indifferent
		if p.Name == model.EmbedName {
			b.Scale(p.Value, 20)
		}
	}
	return m
}

func prompt(n, seed int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((i*i + seed*31 + i*seed) % 97)
	}
	return ids
}

// answer is what came of a generation.
type answer struct {
	ids    []int32
	cached int
	end    Event
}

func collect(g *Generation) (a answer) {
	for e := range g.Events() {
		switch {
		case e.Token:
			a.ids = append(a.ids, e.ID)
		case e.End:
			a.end = e
		}
		a.cached = max(a.cached, e.Cached)
	}
	return a
}

func start(t testing.TB, m *model.Model, o Options) *Server {
	t.Helper()
	s, err := New(m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func submit(t testing.TB, s *Server, ctx context.Context, r Request) *Generation {
	t.Helper()
	all, err := s.Submit(ctx, r, 1)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func request(ids []int32, maxNew int) Request {
	return Request{Prompt: ids, Options: generate.Options{MaxNew: maxNew}}
}

// TestTogether: generations that run together give what each gives alone.
func TestTogether(t *testing.T) {
	m := tiny(t, 128)
	var requests []Request
	var want [][]int32
	for i := range 9 {
		r := request(prompt(10+7*i, i), 12)
		if i%3 == 1 {
			r.Temperature, r.Seed = 0.8, uint64(i)
		}
		if i%3 == 2 {
			r.Stop = []int32{5, 17, 40}
		}
		ids, err := generate.Run(t.Context(), m, r.Prompt, r.Options, generate.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		requests, want = append(requests, r), append(want, ids)
	}
	s := start(t, m, Options{Active: 3, Chunk: 16})
	var wait sync.WaitGroup
	for i, r := range requests {
		g := submit(t, s, t.Context(), r)
		wait.Go(func() {
			a := collect(g)
			stopped := slices.Contains(r.Stop, a.ids[len(a.ids)-1])
			if !slices.Equal(a.ids, want[i]) || a.end.Err != nil || a.end.Stopped != stopped {
				t.Errorf("request %d: %v, %+v, want %v", i, a.ids, a.end, want[i])
			}
		})
	}
	wait.Wait()
	if n := s.Stats(); n.Finished != 9 || n.Active != 0 || n.Waiting != 0 || n.Submitted != 9 {
		t.Errorf("stats %+v", n)
	}
}

// TestPrefix: what a finished or running generation has read is not read again, and gives the same.
func TestPrefix(t *testing.T) {
	m := tiny(t, 256)
	s := start(t, m, Options{Chunk: 16})
	long := prompt(100, 1)
	first := collect(submit(t, s, t.Context(), request(long, 8)))
	again := collect(submit(t, s, t.Context(), request(long, 8)))
	if first.cached != 0 || again.cached != 99 || !slices.Equal(first.ids, again.ids) {
		t.Errorf("again: %d cached, %v, want 99, %v", again.cached, again.ids, first.ids)
	}
	// The conversation goes on: question and answer are there, and the room is too small.
	more := slices.Concat(long, first.ids, prompt(20, 2))
	want, err := generate.Run(t.Context(), tiny(t, 256), more, generate.Options{MaxNew: 8}, generate.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	next := collect(submit(t, s, t.Context(), request(more, 8)))
	if next.cached != 107 || !slices.Equal(next.ids, want) {
		t.Errorf("longer: %d cached, %v, want 107, %v", next.cached, next.ids, want)
	}
	other := collect(submit(t, s, t.Context(), request(slices.Concat(long[:40], prompt(9, 3)), 4)))
	if other.cached != 40 {
		t.Errorf("another ending: %d cached, want 40", other.cached)
	}
}

// TestBounds: beyond the queue a request is refused at once; memory stays within its bound.
func TestBounds(t *testing.T) {
	m := tiny(t, 256)
	limit := Bytes(m, 256)
	s := start(t, m, Options{Active: 2, Queue: 3, Chunk: 8, CacheBytes: limit})
	ctx, cancel := context.WithCancel(t.Context())
	var running []*Generation
	refused := 0
	for i := range 40 {
		all, err := s.Submit(ctx, request(prompt(100, i), 100), 1)
		if errors.Is(err, ErrBusy) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, all[0])
	}
	if refused != 35 {
		t.Errorf("%d of 40 were refused, want all but five", refused)
	}
	cancel()
	for _, g := range running {
		if a := collect(g); a.end.Err == nil && len(a.ids) != 100 {
			t.Errorf("%+v after %d tokens", a.end, len(a.ids))
		}
	}
	for i := range 30 {
		collect(submit(t, s, t.Context(), request(prompt(40+3*i, i), 5)))
		if n := s.Stats(); n.CacheBytes > limit || n.CacheBytes < limit/4 {
			t.Fatalf("%d bytes are kept, the bound is %d", n.CacheBytes, limit)
		}
	}
	if _, err := New(m, Options{CacheBytes: 10}); err == nil {
		t.Error("a cache of ten bytes is taken")
	}
	small := start(t, m, Options{CacheBytes: Bytes(m, 64)})
	var long *TooLongError
	if _, err := small.Submit(t.Context(), request(prompt(60, 1), 5), 1); !errors.As(err, &long) ||
		long.Context != 64 || small.Context() != 64 {
		t.Errorf("a request that memory does not hold: %v", err)
	}
}

// TestDrop: a client that goes away ends its own generation alone.
func TestDrop(t *testing.T) {
	m := tiny(t, 2048)
	s := start(t, m, Options{Active: 2, Chunk: 16})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone := submit(t, s, ctx, request(prompt(1000, 1), 1000))
	stays := submit(t, s, t.Context(), request(prompt(30, 2), 20))
	var last Event
	tokens := 0
	for last = range gone.Events() {
		if last.Token {
			tokens++
		}
		cancel()
	}
	if !errors.Is(last.Err, context.Canceled) || tokens == 1000 {
		t.Errorf("dropped: %+v", last)
	}
	if a := collect(stays); a.end.Err != nil || len(a.ids) != 20 {
		t.Errorf("the other: %+v after %d", a.end, len(a.ids))
	}
	if n := s.Stats(); n.Dropped != 1 || n.Finished != 1 {
		t.Errorf("stats %+v", n)
	}
}

func TestClose(t *testing.T) {
	m := tiny(t, 4096)
	s, err := New(m, Options{Active: 1, Chunk: 16})
	if err != nil {
		t.Fatal(err)
	}
	var all []*Generation
	for i := range 5 {
		all = append(all, submit(t, s, t.Context(), request(prompt(2000, i), 2000)))
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, g := range all {
		if a := collect(g); !errors.Is(a.end.Err, ErrClosed) {
			t.Errorf("end %+v", a.end)
		}
	}
	if _, err := s.Submit(t.Context(), request(prompt(3, 1), 3), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestWindow: in sight of sinks and a window a text may be longer than the context; as long as all
// fits, the result is that without.
func TestWindow(t *testing.T) {
	m := tiny(t, 64)
	s := start(t, m, Options{Chunk: 8})
	r := request(prompt(30, 1), 20)
	want := collect(submit(t, s, t.Context(), r))
	r.Sinks, r.Window = 4, 60
	if got := collect(submit(t, s, t.Context(), r)); !slices.Equal(got.ids, want.ids) {
		t.Errorf("within the window: %v, want %v", got.ids, want.ids)
	}
	long := request(prompt(300, 2), 50)
	long.Sinks, long.Window = 4, 28
	got := collect(submit(t, s, t.Context(), long))
	if len(got.ids) != 50 || got.end.Err != nil {
		t.Fatalf("%d tokens, %+v", len(got.ids), got.end)
	}
	d, err := m.NewDecoder(32, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	reference := streaming(t, d, long.Prompt, 50)
	if !slices.Equal(got.ids, reference) {
		t.Errorf("%v, want %v", got.ids, reference)
	}
}

// streaming reads a prompt in parts of 8 and then token by token; before each what is too much is
// forgotten behind the sinks.
func streaming(t *testing.T, d *model.Decoder, ids []int32, n int) (out []int32) {
	t.Helper()
	read := func(part []int32) int32 {
		if over := d.Len() + len(part) - 32; over > 0 {
			if err := d.Forget(4, 4+over); err != nil {
				t.Fatal(err)
			}
		}
		logits, err := d.Read(part...)
		if err != nil {
			t.Fatal(err)
		}
		return model.Greatest(logits)
	}
	next := int32(0)
	for part := range slices.Chunk(ids, 8) {
		next = read(part)
	}
	for len(out) < n {
		out = append(out, next)
		next = read([]int32{next})
	}
	return out
}

func TestRefusals(t *testing.T) {
	m := tiny(t, 64)
	s := start(t, m, Options{})
	window := request(prompt(10, 1), 5)
	window.Sinks, window.Window = 4, 61
	hot := request(prompt(10, 1), 5)
	hot.Temperature = -1
	for want, r := range map[string]Request{
		"an empty prompt":                     request(nil, 5),
		"0 new tokens, want at least 1":       request(prompt(3, 1), 0),
		"token 97 at 0 outside vocabulary 97": request([]int32{97}, 5),
		"4 sinks and a window of 61 tokens":   window,
		"temperature is -1":                   hot,
		"more than the model's context of 64": request(prompt(60, 1), 5),
	} {
		_, err := s.Submit(t.Context(), r, 1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	var long *TooLongError
	if _, err := s.Submit(t.Context(), request(prompt(60, 1), 5), 1); !errors.As(err, &long) {
		t.Errorf("%v is no TooLongError", err)
	}
	if _, err := New(m, Options{Active: -1}); err == nil {
		t.Error("a negative bound is taken")
	}
}

// TestManyClients: nothing is lost under load, and nobody who waits is refused for ever.
func TestManyClients(t *testing.T) {
	m := tiny(t, 128)
	s := start(t, m, Options{Active: 4, Queue: 8, Chunk: 16})
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			for round := range 3 {
				r := request(prompt(20+i, round), 8)
				all, err := s.Submit(t.Context(), r, 1)
				for errors.Is(err, ErrBusy) {
					time.Sleep(time.Millisecond)
					all, err = s.Submit(t.Context(), r, 1)
				}
				if err != nil {
					t.Error(err)
					return
				}
				if a := collect(all[0]); len(a.ids) != 8 || a.end.Err != nil {
					t.Errorf("client %d: %d tokens, %+v", i, len(a.ids), a.end)
				}
			}
		})
	}
	wait.Wait()
	if n := s.Stats(); n.Finished != 96 {
		t.Errorf("stats %+v", n)
	}
}
