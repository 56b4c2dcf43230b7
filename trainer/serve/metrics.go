package serve

import (
	"strconv"
	"sync"
	"time"

	"longlora/trainer/metrics"
)

// counts are a Server's own, beside those of its decoder.
type counts struct {
	mu      sync.Mutex
	answers map[int]int64
	running int64
	seconds float64
	ended   uint64
}

func (c *counts) answered(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = map[int]int64{}
	}
	c.answers[status]++
}

func (c *counts) begun() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running++
}

func (c *counts) took(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	c.ended++
	c.seconds += d.Seconds()
}

// tell tells the decoder's counts and the server's own.
func (s *Server) tell(to metrics.Samples) {
	d := s.o.Decoder.Stats()
	to.Counter("longlora_prompt_tokens_total", "Tokens of prompts that were read.", float64(d.Read))
	to.Counter("longlora_cached_tokens_total", "Tokens of prompts that were cached.", float64(d.Cached))
	to.Counter("longlora_generated_tokens_total", "Tokens that were chosen.", float64(d.Chosen))
	to.Counter("longlora_generations_finished_total", "Generations that came to an end.",
		float64(d.Finished))
	to.Counter("longlora_generations_dropped_total", "Generations whose client went away.",
		float64(d.Dropped))
	to.Counter("longlora_generations_failed_total", "Generations that failed.", float64(d.Failed))
	to.Counter("longlora_generations_suspended_total",
		"Times that a generation gave up its memory and read again.", float64(d.Suspended))
	to.Counter("longlora_steps_total", "Passes over the model.", float64(d.Steps))
	to.Counter("longlora_requests_rejected_total", "Requests that found the queue full.",
		float64(d.Rejected))
	to.Gauge("longlora_generations_active", "Generations that are computed.", float64(d.Active))
	to.Gauge("longlora_generations_waiting", "Generations in the queue.", float64(d.Waiting))
	to.Gauge("longlora_cache_bytes", "Memory that keys and values fill.", float64(d.CacheBytes))
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	for status, n := range s.counts.answers {
		to.CounterOf("longlora_requests_total", "Requests by status.", "code", strconv.Itoa(status),
			float64(n))
	}
	to.Summary("longlora_generation_seconds", "Time from admission to the end.", s.counts.ended,
		s.counts.seconds)
}
