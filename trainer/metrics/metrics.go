// Package metrics answers Prometheus with what something tells of itself at the moment that it is
// asked, beside what the process takes. The format is that of Prometheus' own client.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Samples takes the samples of one answer. Names follow Prometheus' rules, help is a sentence.
type Samples chan<- prometheus.Metric

// Gauge tells a value that goes up and down.
func (s Samples) Gauge(name, help string, value float64) {
	s <- prometheus.MustNewConstMetric(
		prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, value)
}

// Counter tells a value that only grows.
func (s Samples) Counter(name, help string, value float64) {
	s <- prometheus.MustNewConstMetric(
		prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, value)
}

// CounterOf is Counter for one value of a label.
func (s Samples) CounterOf(name, help, label, of string, value float64) {
	s <- prometheus.MustNewConstMetric(
		prometheus.NewDesc(name, help, []string{label}, nil), prometheus.CounterValue, value, of)
}

// Summary tells how often something was and its sum.
func (s Samples) Summary(name, help string, count uint64, sum float64) {
	s <- prometheus.MustNewConstSummary(prometheus.NewDesc(name, help, nil, nil), count, sum, nil)
}

// collector is a prometheus.Collector whose samples are not known beforehand.
type collector func(Samples)

func (collector) Describe(chan<- *prometheus.Desc)       {}
func (c collector) Collect(out chan<- prometheus.Metric) { c(out) }

// Handler calls collect at each request. Requests may come at the same time.
func Handler(collect func(Samples)) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collector(collect), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
