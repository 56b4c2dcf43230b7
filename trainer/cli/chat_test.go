package cli

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"longlora/trainer/decode"
	"longlora/trainer/open"
	"longlora/trainer/rope"
)

// interrupter sends a signal when the first text comes.
type interrupter struct {
	text    strings.Builder
	signals chan os.Signal
	sent    bool
}

func (w *interrupter) Write(p []byte) (int, error) {
	if !w.sent && len(p) > 0 {
		w.sent = true
		w.signals <- os.Interrupt
	}
	return w.text.Write(p)
}

// TestInterruptedAnswer: Ctrl-C ends an answer, of which what there is stays in the talk; without an
// answer it ends the talk.
func TestInterruptedAnswer(t *testing.T) {
	m, err := open.Open(open.Options{Context: 1024, Rope: rope.Linear, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	f := &chatFlags{}
	f.MaxNew = 900
	v := &conversation{f: f}
	if v.tok, err = tokenizerOf(m); err != nil {
		t.Fatal(err)
	}
	if v.talk, err = f.talk(m, v.tok); err != nil {
		t.Fatal(err)
	}
	if v.decoder, err = decode.New(m.Model, decode.Options{Active: 1}); err != nil {
		t.Fatal(err)
	}
	defer v.decoder.Close()
	signals := make(chan os.Signal, 1)
	out := &interrupter{signals: signals}
	questions, ask := io.Pipe()
	c := &cobra.Command{}
	c.SetContext(context.Background())
	c.SetIn(questions)
	c.SetOut(out)
	c.SetErr(io.Discard)
	ended := make(chan error)
	go func() { ended <- v.loop(t.Context(), c, signals) }()
	if _, err := io.WriteString(ask, "package main\n"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second is read when the first was taken, which is when the answer has ended
		if _, err := io.WriteString(ask, "\n"); err != nil {
			t.Fatal(err)
		}
	}
	signals <- os.Interrupt
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := v.decoder.Stats().Chosen; n == 0 || n >= 900 {
		t.Errorf("%d tokens were chosen, want some and not all", n)
	}
	if len(v.messages) != 2 || v.messages[1].Content+"\n" != out.text.String() {
		t.Errorf("the talk is %q, written was %q", v.messages, out.text.String())
	}
}
