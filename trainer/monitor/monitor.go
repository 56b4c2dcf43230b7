// Package monitor answers over HTTP how a training stands, in the text format of Prometheus (version
// 0.0.4), at /metrics.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"longlora/trainer/train"
)

// Monitor serves the latest step of a run. Observe may be called while it answers.
type Monitor struct {
	server   *http.Server
	listener net.Listener
	failed   chan error

	mu         sync.Mutex
	steps      int
	last       train.Metrics
	validation *float64 // the latest that was taken
}

// closing is how long Close waits for answers under way.
const closing = time.Second

// Listen serves on an address, as 127.0.0.1:9090, a run of so many steps. It must be closed.
func Listen(address string, steps int) (*Monitor, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics on %s: %w", address, err)
	}
	m := &Monitor{listener: l, failed: make(chan error, 1), steps: steps}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", m.answer)
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { m.failed <- m.server.Serve(l) }()
	return m, nil
}

// Address is where it listens: with port 0, the one that was free.
func (m *Monitor) Address() string { return m.listener.Addr().String() }

// Observe takes a step's metrics.
func (m *Monitor) Observe(x train.Metrics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = x
	if x.Validation != nil {
		m.validation = x.Validation
	}
}

// Close ends it.
func (m *Monitor) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	err := m.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = m.server.Close()
	}
	if served := <-m.failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func (m *Monitor) answer(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	x, steps, validation := m.last, m.steps, m.validation
	m.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	write := func(name, kind, help string, value any) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s %[3]s\n%[1]s %[4]v\n", name, help, kind, value)
	}
	write("longlora_train_step", "gauge", "Steps that are finished.", x.Step)
	write("longlora_train_steps", "gauge", "Steps of the run.", steps)
	if resident, ok := residentBytes(); ok {
		write("process_resident_memory_bytes", "gauge", "Resident memory of the process.", resident)
	}
	if x.Step == 0 {
		return
	}
	write("longlora_train_loss", "gauge", "Mean loss of the latest step in nats.", x.Loss)
	write("longlora_train_gradient_norm", "gauge", "Norm of its gradient before clipping.", x.GradNorm)
	write("longlora_train_learning_rate", "gauge", "Its learning rate.", x.LR)
	write("longlora_train_epoch", "gauge", "Passes over the data finished before it.", x.Epoch)
	write("longlora_train_tokens_total", "counter", "Tokens read since the first step.", x.Tokens)
	write("longlora_train_tokens_per_second", "gauge", "Speed of the latest step.", x.TokensPerSecond)
	write("longlora_train_step_seconds", "gauge", "Time of the latest step.", x.Seconds)
	write("longlora_train_eta_seconds", "gauge", "Estimate of the time to the last step.", x.Left)
	if validation != nil {
		write("longlora_train_validation_loss", "gauge", "Latest validation loss in nats.", *validation)
	}
}

// residentBytes reads the process's resident memory where the system tells it as Linux does.
func residentBytes() (int64, bool) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	var all, resident int64
	if _, err := fmt.Fscan(strings.NewReader(string(text)), &all, &resident); err != nil {
		return 0, false
	}
	return resident * int64(os.Getpagesize()), true
}
