package run

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestFileRoundTrip(t *testing.T) {
	want := Defaults()
	want.Shards, want.Train, want.LR, want.Seed = "x: y", []string{"norm"}, 3e-5, 1<<63+1
	text, err := want.YAML()
	if err != nil {
		t.Fatal(err)
	}
	got := Defaults()
	if err := got.parse(text); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFileIsStrict(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"lr: 1\nlearning_rate: 2\n", "line 2: unknown key learning_rate; the keys are"},
		{"lr: 1\nlr: 2\n", "line 2"},
		{"lr: fast\n", "line 1: cannot unmarshal"},
		{"lr: 1\nsteps: 1.5\n", "line 2: steps is 1.5, want a whole number"},
		{"lr: 1\n---\nlr: 2\n", "more than one YAML document"},
		{"- lr\n", "cannot unmarshal"},
		{"lr: [", "line 1"},
	} {
		got := Defaults()
		if err := got.parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q in it", c.text, err, c.want)
		}
		if !reflect.DeepEqual(got, Defaults()) {
			t.Errorf("%q: a refused file changed the configuration", c.text)
		}
	}
	got := Defaults()
	if err := got.parse(nil); err != nil || !reflect.DeepEqual(got, Defaults()) {
		t.Errorf("an empty file: %v", err)
	}
}

func TestEveryFieldIsAnOption(t *testing.T) {
	c := Defaults()
	seen := map[string]bool{}
	for _, f := range c.Fields() {
		if f.Key == "" || f.Usage == "" || strings.Contains(f.Flag, "_") || seen[f.Key] {
			t.Errorf("field %+v lacks a key of its own or a usage", f)
		}
		seen[f.Key] = true
	}
}

func TestFreeOptionsExist(t *testing.T) {
	c := Defaults()
	known := map[string]bool{}
	for _, f := range c.Fields() {
		known[f.Key] = true
	}
	for _, key := range free {
		if !known[key] {
			t.Errorf("%q is free to differ, but no option", key)
		}
	}
}

func TestValidateReportsAll(t *testing.T) {
	c := Defaults()
	c.Shards = "x"
	if err := c.Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	c = Config{Init: "c.json", Method: MethodLoRA, Train: []string{"linear"}, LR: -1, Context: -2}
	err := c.Validate()
	for _, want := range []string{
		"shards is missing", "method full", "context is -2", `attention is ""`, `weights is ""`,
		`recompute is ""`, "lora: no target", "rank is 0", `train is "linear"`, "lr is -1",
		`schedule ""`, "steps is 0", "batch is 0", "micro_tokens is 0", "eps is 0",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported: %v", want, err)
		}
	}
}

// FuzzFile: no text makes the reader panic, and what it takes it writes and reads again.
func FuzzFile(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "run.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("train: &a [embed]\nlora_targets: *a\n"))
	f.Add([]byte("lr: .inf\nseed: 0x1F\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := Defaults()
		if c.parse(text) != nil {
			return
		}
		again, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		d := Defaults()
		if err := d.parse(again); err != nil {
			t.Fatalf("%v: %s", err, again)
		}
		third, err := d.YAML()
		if err != nil || string(third) != string(again) {
			t.Errorf("%v: read again:\n%s\nwas\n%s", err, third, again)
		}
	})
}
