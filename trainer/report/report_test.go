package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"longlora/trainer/eval"
)

// sample is a report with invented numbers.
func sample() *Report {
	result := func(name string, nll, spread float64, buckets ...float64) eval.FarCopyResult {
		y := eval.FarCopyResult{System: name, NLL: nll, CI95: [2]float64{nll - spread, nll + spread}}
		from, to := 0, 512
		for _, b := range buckets {
			y.All.Buckets = append(y.All.Buckets, eval.Bucket{From: from, To: to, NLL: b, Tokens: 100})
			from, to = to, 2*to
		}
		return y
	}
	stage := func(name string, from, to float64, n int) Stage {
		s := Stage{Name: name}
		for i := range n {
			loss := to + (from-to)*math.Exp(-4*float64(i)/float64(n)) + 0.15*math.Sin(float64(i*i))
			s.Steps = append(s.Steps, Step{
				Step: i + 1, Loss: loss, Tokens: int64(8192 * (i + 1)), TokensPerSecond: 4000, Seconds: 2.5,
			})
		}
		return s
	}
	return &Report{
		FarCopy: eval.FarCopyReport{
			Near: 512, Far: 4096, Sequences: 16, Targets: 812, Tokens: 2000, Passed: true,
			Systems: []eval.FarCopyResult{
				result("window512", 8.25, 0.4, 2.5, 2.44, 2.41, 2.4),
				result("interpolated", 9.5, 0.5, 3.9, 4.8, 5.2, 5.6),
				result("finetuned", 7.125, 0.38, 2.6, 2.4, 2.31, 2.25),
			},
			Differences: []eval.Difference{
				{Baseline: "window512", Mean: 1.125, CI95: [2]float64{0.9, 1.3}},
				{Baseline: "interpolated", Mean: 2.375, CI95: [2]float64{2, 2.7}},
			},
		},
		Before:  eval.Perplexity{Perplexity: 64.25, Tokens: 900},
		After:   eval.Perplexity{Perplexity: 32.5, Tokens: 900},
		PassKey: []eval.Recall{{Tokens: 1024, Trials: 10, Correct: 3, Accuracy: 0.3}},
		Stages:  []Stage{stage("pretrain", 4, 2.5, 90), stage("sft", 3.4, 2.2, 40)},
		Example: Example{
			ID: "q1", Tokens: 3900, Instruction: "Which <T> implements \"A & B\"?",
			Prediction: "None.", Reference: "The type T.",
		},
		Seconds: 251.5,
		Places:  []Place{{"merged model", "build/quickstart/model"}},
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "er")
	if err := sample().Write(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		FarCopy struct {
			Window512    float64               `json:"window512"`
			Interpolated float64               `json:"interpolated"`
			Finetuned    float64               `json:"finetuned"`
			CI95         map[string][2]float64 `json:"ci95"`
		} `json:"far_copy_nll"`
		Perplexity []map[string]float64 `json:"perplexity_by_position"`
		Answers    map[string]float64   `json:"answer_perplexity"`
		Seconds    float64              `json:"seconds"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	f := got.FarCopy
	if f.Window512 != 8.25 || f.Interpolated != 9.5 || f.Finetuned != 7.125 || got.Seconds != 251.5 ||
		f.CI95["window512"] != [2]float64{0.9, 1.3} || f.CI95["interpolated"] != [2]float64{2, 2.7} {
		t.Errorf("got %+v", got)
	}
	if got.Answers["before"] != 64.25 || got.Answers["after"] != 32.5 {
		t.Errorf("got answers %v", got.Answers)
	}
	last := got.Perplexity[3]
	if len(got.Perplexity) != 4 || last["from"] != 2048 || last["to"] != 4096 ||
		last["base"] != math.Exp(2.4) || last["interpolated"] != math.Exp(5.6) ||
		last["finetuned"] != math.Exp(2.25) {
		t.Errorf("got %v", got.Perplexity)
	}
}

// TestPageStandsAlone reads every picture with an XML parser and looks for references.
func TestPageStandsAlone(t *testing.T) {
	page, err := sample().html()
	if err != nil {
		t.Fatal(err)
	}
	pictures := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAll(page, -1)
	if len(pictures) != 3 {
		t.Fatalf("%d pictures, want 3", len(pictures))
	}
	for i, p := range pictures {
		paths := 0
		for d := xml.NewDecoder(strings.NewReader(string(p))); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("picture %d: %v", i, err)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "path" {
				paths++
			}
		}
		if paths < 5 {
			t.Errorf("picture %d has %d paths", i, paths)
		}
	}
	text := string(page)
	for _, bad := range []string{"src=", "href=", "url(", "NaN", "Inf", "<T>", "<no value>"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, want := range []string{
		"From 512 to 4096 tokens", "812 identifiers", "0.900 to 1.300", "Which &lt;T&gt;", "2048–4096",
		fmt.Sprintf("%.2f", math.Exp(2.25)), "build/quickstart/model", `class="passed">passed`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
}

func TestTable(t *testing.T) {
	r := sample()
	r.FarCopy.Differences[1].CI95[0] = -0.1
	r.FarCopy.Passed = false
	var b strings.Builder
	if err := r.Table(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"far-copy loss (nats)", "8.250", "95 % interval [0.900, 1.300]", "passed", "FAILED", "30 % of 10",
		"asked over 3900 tokens", "64.2 before questions, 32.5 after", "it says", "The type T.",
		"pretrain", "812 identifiers in 16 sequences", "252 s",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

func TestReadStage(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"step":1,"loss":3.5,"tokens":4096,"seconds":2}` + "\n" +
		`{"step":2,"loss":3.25,"tokens":8192,"seconds":2,"lr":0.001}` + "\n")
	s, err := ReadStage("one", dir)
	if err != nil || len(s.Steps) != 2 || s.Steps[1].Loss != 3.25 || s.Rate() != 2048 {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, c := range []struct{ text, want string }{
		{"", "holds no step"}, {`{"step":1}` + "\n{\"st", "line 2"},
	} {
		write(c.text)
		if _, err := ReadStage("one", dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q in it", c.text, err, c.want)
		}
	}
	if _, err := ReadStage("one", t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no metrics: got %v", err)
	}
}

func TestEndsAreMeans(t *testing.T) {
	var s Stage
	for i := range 50 {
		s.Steps = append(s.Steps, Step{Loss: float64(i)})
	}
	if first, last := s.Ends(); math.Abs(first-2) > 1e-14 || math.Abs(last-47) > 1e-13 {
		t.Errorf("50 steps: got %v and %v, want the means of five, 2 and 47", first, last)
	}
	s.Steps = s.Steps[:3]
	if first, last := s.Ends(); math.Abs(first-1) > 1e-15 || math.Abs(last-1) > 1e-15 {
		t.Errorf("3 steps: got %v and %v, want 1", first, last)
	}
}

func TestValidate(t *testing.T) {
	for _, spoil := range []func(*Report){
		func(r *Report) { r.FarCopy.Systems = r.FarCopy.Systems[:2] },
		func(r *Report) { r.FarCopy.Systems[1].All.Buckets = nil },
		func(r *Report) { r.FarCopy.Differences = nil },
		func(r *Report) { r.Stages = nil },
	} {
		r := sample()
		spoil(r)
		if err := r.Write(t.TempDir()); err == nil {
			t.Errorf("written: %+v", r)
		}
	}
}
