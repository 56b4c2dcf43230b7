package monitor

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"longlora/trainer/train"
)

// scrape reads the metrics as a scraper does: samples by name, each of which has its help and type.
func scrape(t *testing.T, m *Monitor) map[string]float64 {
	t.Helper()
	r, err := http.Get("http://" + m.Address() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", kind)
	}
	found, told := map[string]float64{}, map[string]int{}
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if words[0] == "#" {
			told[words[2]]++ // HELP and TYPE
			continue
		}
		name := words[0]
		if !strings.HasPrefix(name, "longlora_") && name != "process_resident_memory_bytes" {
			continue // what the client's own collectors tell
		}
		v, err := strconv.ParseFloat(words[1], 64)
		if err != nil || len(words) != 2 || told[name] != 2 {
			t.Errorf("%q is no sample with help and type", lines.Text())
		}
		found[name] = v
	}
	return found
}

func TestMetrics(t *testing.T) {
	m, err := Listen("127.0.0.1:0", 50)
	if err != nil {
		t.Fatal(err)
	}
	got := scrape(t, m)
	if got["longlora_train_steps"] != 50 || got["longlora_train_step"] != 0 {
		t.Errorf("before the first step: %v", got)
	}
	if _, ok := got["longlora_train_loss"]; ok {
		t.Error("there is a loss before the first step")
	}
	valid := 2.5
	m.Observe(train.Metrics{Step: 6, Loss: 3, Validation: &valid})
	m.Observe(train.Metrics{Step: 7, Loss: 2.75, GradNorm: 0.5, LR: 1e-4, Tokens: 4096, Seconds: 2,
		TokensPerSecond: 512, Left: 86, Epoch: 1})
	got = scrape(t, m)
	if got["process_resident_memory_bytes"] < 1<<20 {
		t.Errorf("resident memory %g", got["process_resident_memory_bytes"])
	}
	for name, want := range map[string]float64{"step": 7, "loss": 2.75, "gradient_norm": 0.5,
		"learning_rate": 1e-4, "tokens_total": 4096, "step_seconds": 2, "tokens_per_second": 512,
		"eta_seconds": 86, "epoch": 1, "validation_loss": 2.5} {
		if got["longlora_train_"+name] != want {
			t.Errorf("%s is %g, want %g", name, got["longlora_train_"+name], want)
		}
	}
	r, err := http.Post("http://"+m.Address()+"/metrics", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, r.Body) //nolint:errcheck // its end is what counts
	r.Body.Close()
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered with %d", r.StatusCode)
	}
	if _, err := Listen(m.Address(), 1); err == nil || !strings.Contains(err.Error(), "metrics on 127") {
		t.Errorf("an address that is taken: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + m.Address() + "/metrics"); err == nil {
		t.Error("it answers after it was closed")
	}
}
