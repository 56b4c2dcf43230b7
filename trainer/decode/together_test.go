package decode

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"longlora/trainer/generate"
	"longlora/trainer/model"
)

// told is a token with its probabilities, which show the bits of the logits behind it.
func told(g *Generation) (out []string) {
	for e := range g.Events() {
		if e.Token {
			out = append(out, fmt.Sprint(e.ID, " ", e.Logprob, " ", e.Top))
		}
	}
	return out
}

func varied(n int) (all []Request) {
	for i := range n {
		r := request(prompt(5+23*i%150, i), 10+7*i%40)
		r.Logprobs, r.Top = true, 4
		switch i % 4 {
		case 1:
			r.Temperature, r.Seed, r.TopP = 0.8, uint64(i), 0.9
		case 2:
			r.Stop = []int32{5, 17, 40}
		case 3:
			r.Temperature, r.TopK, r.Repetition, r.Frequency = 1.2, 20, 1.3, 0.2
		}
		all = append(all, r)
	}
	return all
}

// TestBitsInCompany: the probabilities behind each token have the same bits alone and in company, with
// memory for all and with so little that generations have to give theirs up again and again.
func TestBitsInCompany(t *testing.T) {
	m := tiny(t, 256)
	requests := varied(16)
	var want [][]string
	alone := start(t, m, Options{Active: 1, Chunk: 1000})
	for _, r := range requests {
		want = append(want, told(submit(t, alone, t.Context(), r)))
	}
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{
		{Active: 16, Chunk: 32}, {Active: 5, Chunk: 7}, {Active: 16, Chunk: 64, CacheBytes: Bytes(m, 320)},
	} {
		s := start(t, m, o)
		var wait sync.WaitGroup
		for i, r := range requests {
			g := submit(t, s, t.Context(), r)
			wait.Go(func() {
				if got := told(g); !slices.Equal(got, want[i]) {
					t.Errorf("%+v: request %d: %v, want %v", o, i, got, want[i])
				}
			})
		}
		wait.Wait()
		n := s.Stats()
		if short := o.CacheBytes != 0; short != (n.Suspended > 0) {
			t.Errorf("%+v: %d were suspended", o, n.Suspended)
		}
		if n.Finished != 16 || n.Active != 0 || n.Waiting != 0 {
			t.Errorf("stats %+v", n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLongPromptStallsNobody: while a long prompt is read a generation gets a token for each part of
// it, and a short prompt that comes later does not wait for its end.
func TestLongPromptStallsNobody(t *testing.T) {
	m := tiny(t, 2048)
	s := idle(t, m, Options{Active: 4, Chunk: 16})
	talks := put(t, s, request(prompt(4, 1), 1000))
	s.admit()
	s.step() // it has its first token
	long := put(t, s, request(prompt(1000, 2), 4))
	for range 20 {
		s.admit()
		s.step()
	}
	if n := talks.tokens(); n != 21 {
		t.Errorf("%d tokens after 21 steps, 20 of them beside a long prompt", n)
	}
	if n := long.read(); n != 320 {
		t.Errorf("%d tokens of the long prompt were read, want 20 parts of 16", n)
	}
	short := put(t, s, request(prompt(30, 3), 4))
	for range 4 { // every other part is its own
		s.admit()
		s.step()
	}
	if n := short.tokens(); n < 1 {
		t.Errorf("a prompt of two parts has no token after four steps beside the long one")
	}
	if n := s.Stats(); n.Steps != 25 {
		t.Errorf("%d steps", n.Steps)
	}
}

// idle returns a server whose scheduler the test runs itself.
func idle(t *testing.T, m *model.Model, o Options) *Server {
	t.Helper()
	s, err := prepare(m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.closed = true
		s.run()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

type watched struct{ *Generation }

func put(t *testing.T, s *Server, r Request) watched {
	t.Helper()
	return watched{submit(t, s, t.Context(), r)}
}

func (w watched) tokens() (n int) {
	for _, e := range w.events {
		if e.Token {
			n++
		}
	}
	return n
}

func (w watched) read() (n int) {
	for _, e := range w.events {
		n = max(n, e.Read)
	}
	return n
}

// TestAnswersShareAPrompt: several answers to one prompt read it once, and differ by their seeds.
func TestAnswersShareAPrompt(t *testing.T) {
	m := tiny(t, 256)
	s := start(t, m, Options{Chunk: 16})
	r := request(prompt(100, 3), 20)
	r.Temperature, r.Seed = 1, 7
	all, err := s.Submit(t.Context(), r, 4)
	if err != nil {
		t.Fatal(err)
	}
	var got [4]answer
	var wait sync.WaitGroup
	for i, g := range all {
		wait.Go(func() { got[i] = collect(g) })
	}
	wait.Wait()
	for i, a := range got {
		alone := r
		alone.Seed += uint64(i)
		want := collect(submit(t, s, t.Context(), alone))
		if !slices.Equal(a.ids, want.ids) || a.end.Err != nil {
			t.Errorf("answer %d: %v, want %v", i, a.ids, want.ids)
		}
		if i > 0 && a.cached != 99 {
			t.Errorf("answer %d: %d tokens were cached, want 99", i, a.cached)
		}
	}
	if slices.Equal(got[0].ids, got[1].ids) {
		t.Error("two seeds give one answer")
	}
	if _, err := s.Submit(t.Context(), r, 0); err == nil {
		t.Error("no answer is taken for a number")
	}
}

// TestAShortBeginningCostsNoDocument: what only begins like a long text leaves it in its place.
func TestAShortBeginningCostsNoDocument(t *testing.T) {
	m := tiny(t, 512)
	s := start(t, m, Options{Active: 2})
	long := prompt(300, 1)
	collect(submit(t, s, t.Context(), request(long, 4)))
	other := slices.Concat(long[:20], prompt(30, 9))
	if a := collect(submit(t, s, t.Context(), request(other, 4))); a.cached != 20 {
		t.Errorf("%d tokens of the beginning were cached, want 20", a.cached)
	}
	if a := collect(submit(t, s, t.Context(), request(long, 4))); a.cached != 299 {
		t.Errorf("%d tokens of the document were cached, want 299", a.cached)
	}
}

// TestPool: whatever slots come, grow and go, each keeps its own rows, and none lie over another.
func TestPool(t *testing.T) {
	m := tiny(t, 64)
	const total = 12
	cache, err := m.NewCache(total * pageRows)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	reader, err := cache.NewReader(total*pageRows, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	p := pool{cache: cache, total: total}
	var used []*slot
	for round := range 200 {
		switch rng.IntN(3) {
		case 0:
			ids := prompt(1+rng.IntN(50), round)
			if p.available() < 1 {
				continue
			}
			s, err := p.take(ids, len(ids), false)
			if err != nil {
				t.Fatal(err)
			}
			write(t, reader, s, ids[s.n:])
			used = append(used, s)
		case 1:
			if len(used) == 0 {
				continue
			}
			s := used[rng.IntN(len(used))]
			ok, err := p.grow(s, s.n+1+rng.IntN(200))
			if err != nil || !ok && p.available() >= 4 {
				t.Fatal(ok, err, p.available())
			}
		default:
			if len(used) == 0 {
				continue
			}
			i := rng.IntN(len(used))
			p.give(used[i], rng.IntN(4) > 0)
			used = slices.Delete(used, i, i+1)
		}
		end := 0
		for _, s := range p.slots {
			if s.at < end || s.end() > total || s.n > s.size*pageRows || s.n != len(s.ids) {
				t.Fatalf("round %d: slot %+v after page %d", round, s, end)
			}
			end = s.end()
		}
		if n := len(p.slots); n > 0 {
			same(t, m, reader, p.slots[round%n])
		}
	}
}

// write reads ids into a slot.
func write(t *testing.T, r *model.Reader, s *slot, ids []int32) {
	t.Helper()
	part := model.Part{IDs: ids, At: s.row(), Known: s.n, Quiet: true}
	if err := r.Read([]model.Part{part}, nil); err != nil {
		t.Fatal(err)
	}
	s.ids, s.n = append(s.ids, ids...), s.n+len(ids)
}

// same checks that a slot's last token, read again, leads to what it leads to without a pool.
func same(t *testing.T, m *model.Model, r *model.Reader, s *slot) {
	t.Helper()
	last := len(s.ids) - 1
	got := int32(-1)
	part := model.Part{IDs: s.ids[last:], At: s.row(), Known: last}
	err := r.Read([]model.Part{part}, func(_ int, logits []float32) error {
		got = model.Greatest(logits)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want, err := generate.Run(t.Context(), m, s.ids, generate.Options{MaxNew: 1}, generate.Watch{})
	if err != nil || got != want[0] {
		t.Fatalf("%v: %d, want %v: %v", s.ids, got, want, err)
	}
}
