package serve

import (
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"
)

// counts are a Server's own, beside those of its decoder.
type counts struct {
	mu      sync.Mutex
	answers map[int]int64
	running int64
	seconds float64
	ended   int64
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

// metrics answers in the text format of Prometheus, version 0.0.4.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	write := func(name, kind, help string, value any) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s %[3]s\n%[1]s %[4]v\n", name, help, kind, value)
	}
	d := s.o.Decoder.Stats()
	write("longlora_prompt_tokens_total", "counter", "Tokens of prompts that were read.", d.Read)
	write("longlora_cached_tokens_total", "counter", "Tokens of prompts that were cached.", d.Cached)
	write("longlora_generated_tokens_total", "counter", "Tokens that were chosen.", d.Chosen)
	write("longlora_generations_finished_total", "counter", "Generations that came to an end.", d.Finished)
	write("longlora_generations_dropped_total", "counter", "Generations whose client went away.", d.Dropped)
	write("longlora_generations_failed_total", "counter", "Generations that failed.", d.Failed)
	write("longlora_generations_suspended_total", "counter",
		"Times that a generation gave up its memory and read again.", d.Suspended)
	write("longlora_steps_total", "counter", "Passes over the model.", d.Steps)
	write("longlora_requests_rejected_total", "counter", "Requests that found the queue full.", d.Rejected)
	write("longlora_generations_active", "gauge", "Generations that are computed.", d.Active)
	write("longlora_generations_waiting", "gauge", "Generations in the queue.", d.Waiting)
	write("longlora_cache_bytes", "gauge", "Memory that keys and values fill.", d.CacheBytes)
	write("go_goroutines", "gauge", "Goroutines of the process.", runtime.NumGoroutine())
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	fmt.Fprint(w, "# HELP longlora_requests_total Requests by status.\n",
		"# TYPE longlora_requests_total counter\n")
	for _, status := range slices.Sorted(maps.Keys(s.counts.answers)) {
		fmt.Fprintf(w, "longlora_requests_total{code=\"%d\"} %d\n", status, s.counts.answers[status])
	}
	fmt.Fprintf(w, "# HELP longlora_generation_seconds Time from admission to the end.\n"+
		"# TYPE longlora_generation_seconds summary\nlonglora_generation_seconds_sum %g\n"+
		"longlora_generation_seconds_count %d\n", s.counts.seconds, s.counts.ended)
}
