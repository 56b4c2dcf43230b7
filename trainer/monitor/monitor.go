// Package monitor tells Prometheus over HTTP how a training stands, at /metrics.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"longlora/trainer/metrics"
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
	mux.Handle("GET /metrics", metrics.Handler(m.tell))
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

func (m *Monitor) tell(to metrics.Samples) {
	m.mu.Lock()
	x, steps, validation := m.last, m.steps, m.validation
	m.mu.Unlock()
	to.Gauge("longlora_train_step", "Steps that are finished.", float64(x.Step))
	to.Gauge("longlora_train_steps", "Steps of the run.", float64(steps))
	if x.Step == 0 {
		return
	}
	to.Gauge("longlora_train_loss", "Mean loss of the latest step in nats.", x.Loss)
	to.Gauge("longlora_train_gradient_norm", "Norm of its gradient before clipping.", x.GradNorm)
	to.Gauge("longlora_train_learning_rate", "Its learning rate.", x.LR)
	to.Gauge("longlora_train_epoch", "Passes over the data finished before it.", float64(x.Epoch))
	to.Counter("longlora_train_tokens_total", "Tokens read since the first step.", float64(x.Tokens))
	to.Gauge("longlora_train_tokens_per_second", "Speed of the latest step.", x.TokensPerSecond)
	to.Gauge("longlora_train_step_seconds", "Time of the latest step.", x.Seconds)
	to.Gauge("longlora_train_eta_seconds", "Estimate of the time to the last step.", x.Left)
	if validation != nil {
		to.Gauge("longlora_train_validation_loss", "Latest validation loss in nats.", *validation)
	}
}
