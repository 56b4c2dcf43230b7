// Command browser reviews a dataset in a real Chromium, by keys as a person would, and checks what the
// page shows and what is kept. It needs bin/longqa and an installed chromium.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func main() {
	longqa := flag.String("longqa", "", "the binary")
	dataset := flag.String("dataset", "", "example dataset to review")
	pictures := flag.String("pictures", "", "folder for screenshots")
	work := flag.String("work", "", "folder for decisions")
	flag.Parse()
	if err := run(*longqa, *dataset, *pictures, filepath.Join(*work, "decisions.jsonl")); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}

// serve starts the review and returns its address.
func serve(longqa, dataset, decisions string) (*exec.Cmd, string, error) {
	c := exec.Command(longqa, "review", dataset, "--decisions", decisions)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := c.Start(); err != nil {
		return nil, "", err
	}
	s := bufio.NewScanner(out)
	if !s.Scan() {
		return nil, "", errors.New("longqa review printed nothing")
	}
	url := regexp.MustCompile(`http://\S+`).FindString(s.Text())
	return c, url, nil
}

func run(longqa, dataset, pictures, decisions string) error {
	server, url, err := serve(longqa, dataset, decisions)
	if err != nil {
		return err
	}
	defer func() { _ = server.Process.Kill() }() // it may be gone
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox,
		chromedp.WindowSize(1440, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	b := &browser{ctx: ctx, pictures: pictures}
	if err := b.review(url); err != nil {
		return err
	}
	// A kill loses no decision: a new server shows them all.
	if err := server.Process.Kill(); err != nil {
		return err
	}
	_ = server.Wait() // it was killed
	server, url, err = serve(longqa, dataset, decisions)
	if err != nil {
		return err
	}
	return b.again(url)
}

type browser struct {
	ctx      context.Context
	pictures string
}

// eval reads a value from the page.
func eval[T any](b *browser, script string, into *T) error {
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	*into = value
	return err
}

func (b *browser) key(keys string) error { return chromedp.Do(b.ctx, chromedp.KeyEvent(keys)) }

// until waits for a condition on the page.
func (b *browser) until(what, condition string) error {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var ok bool
		if err := eval(b, condition, &ok); err != nil {
			return err
		}
		if ok {
			return nil
		}
	}
	return fmt.Errorf("%s: not within 20 seconds", what)
}

func (b *browser) picture(name string) error {
	if b.pictures == "" {
		return nil
	}
	time.Sleep(300 * time.Millisecond)
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.pictures, name+".png"), png, 0o666)
}

const inSight = `(() => { const m = document.querySelector("mark.now"); if (!m) return false;
  const r = m.getBoundingClientRect(), c = document.getElementById("context").getBoundingClientRect();
  return r.bottom > c.top && r.top < c.bottom; })()`

// review goes through rows by keys.
func (b *browser) review(url string) error {
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		return err
	}
	if err := b.until("the first row", `document.body.dataset.shown === "0"`); err != nil {
		return err
	}
	if err := b.picture("first"); err != nil {
		return err
	}
	if err := b.everyRow(); err != nil {
		return err
	}
	if err := b.longest(); err != nil {
		return err
	}
	return b.decideSome(url)
}

// everyRow checks on up to 40 rows that the marks hold the evidence and that the first is in sight.
func (b *browser) everyRow() error {
	var n int
	if err := eval(b, "state.rows.length", &n); err != nil {
		return err
	}
	for i := range min(n, 40) {
		if i > 0 {
			if err := b.key(kb.ArrowRight); err != nil {
				return err
			}
		}
		if err := b.until(fmt.Sprint("row ", i), fmt.Sprintf(`document.body.dataset.shown === "%d"`, i)); err != nil {
			return err
		}
		var wrong string
		err := eval(b, `(() => {
  const chars = [...state.text], row = state.row;
  if (document.getElementById("context").textContent !== state.text) return "the context is not whole";
  if (document.getElementById("question").textContent !== row.instruction) return "another question";
  if (!state.marks.length) return "";
  const marked = [...document.querySelectorAll("mark")].map((m) => m.textContent).join("");
  const on = new Uint8Array(chars.length);
  for (const e of row.evidence) on.fill(1, e.start, e.end);
  const want = chars.filter((_, i) => on[i]).join("");
  return marked === want ? "" : "marked " + JSON.stringify(marked.slice(0, 80)) + ", want " +
    JSON.stringify(want.slice(0, 80));
})()`, &wrong)
		if err != nil {
			return err
		}
		if wrong != "" {
			return fmt.Errorf("row %d: %s", i, wrong)
		}
		var marks int
		if err := eval(b, "state.marks.length", &marks); err != nil {
			return err
		}
		if marks > 0 {
			if err := b.until(fmt.Sprintf("row %d: evidence in sight", i), inSight); err != nil {
				return err
			}
		}
		if marks > 1 {
			if err := b.key("n"); err != nil {
				return err
			}
			if err := b.until(fmt.Sprintf("row %d: second evidence in sight", i), inSight); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%d rows: contexts whole, evidence marked and in sight\n", min(n, 40))
	return nil
}

// longest measures how long the row with the longest context takes, from the key to the marked evidence
// on the screen.
func (b *browser) longest() error {
	var m struct {
		Tokens int     `json:"tokens"`
		Chars  int     `json:"chars"`
		Millis float64 `json:"ms"`
	}
	err := eval(b, `(async () => {
  let n = 0;
  state.rows.forEach((r, i) => { if (r.n_tokens > state.rows[n].n_tokens) n = i; });
  await show(n === 0 ? Math.min(1, state.rows.length - 1) : 0);
  state.context = -1;
  const begun = performance.now();
  await show(n);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
  return { tokens: state.rows[n].n_tokens, chars: state.text.length, ms: performance.now() - begun };
})()`, &m)
	if err != nil {
		return err
	}
	fmt.Printf("the longest context, %d tokens and %d characters, is on the screen after %.0f ms\n", m.Tokens,
		m.Chars, m.Millis)
	if m.Millis > 2000 {
		return fmt.Errorf("the longest context takes %.0f ms", m.Millis)
	}
	return b.picture("longest")
}

// decideSome keeps, rejects with a note, and takes back.
func (b *browser) decideSome(url string) error {
	if err := eval(b, "show(0).then(() => true)", new(bool)); err != nil {
		return err
	}
	steps := []struct{ key, what, until string }{
		{"k", "kept", `state.rows[0].decision === "keep" && document.body.dataset.shown === "1"`},
		{"c", "note", `document.activeElement.id === "note"`},
		{"vague", "note", `document.getElementById("note").value === "vague"`},
		{kb.Escape, "note left", `document.activeElement.id !== "note"`},
		{"r", "rejected", `state.rows[1].decision === "reject" && document.body.dataset.shown === "2"`},
		{"k", "kept", `state.rows[2].decision === "keep" && document.body.dataset.shown === "3"`},
		{kb.ArrowLeft, "back", `document.body.dataset.shown === "2"`},
		{"u", "taken back", `!state.rows[2].decision`},
		{kb.ArrowLeft, "back", `document.body.dataset.shown === "1"`},
	}
	for _, s := range steps {
		if s.key == "vague" { // the driver sends the character of the key before as an event of its own
			if err := eval(b, `document.getElementById("note").value = ""; true`, new(bool)); err != nil {
				return err
			}
		}
		if err := b.key(s.key); err != nil {
			return err
		}
		if err := b.until(s.what, s.until); err != nil {
			return err
		}
	}
	fmt.Println("decisions by keys: kept, rejected with a note, taken back")
	return b.picture("decided")
}

// again finds the decisions after a kill.
func (b *browser) again(url string) error {
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		return err
	}
	if err := b.until("a new server", `document.body.dataset.shown !== undefined`); err != nil {
		return err
	}
	var got []string
	if err := eval(b, `state.rows.slice(0, 3).map((r) => r.decision + " " + r.note)`, &got); err != nil {
		return err
	}
	want := []string{"keep ", "reject vague", " "}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		text, _ := json.Marshal(got)
		return fmt.Errorf("decisions after a kill: %s", text)
	}
	fmt.Println("decisions are there after the server was killed")
	return nil
}
