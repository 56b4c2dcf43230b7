// Command page asks a served model about a document in a real Chromium, as a person would: it drops
// a file, asks, watches the answer come, and looks at the marked passages. It needs an installed
// chromium and the address of a running `trainer serve`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

func main() {
	url := flag.String("url", "", "address of the server")
	token := flag.String("token", "", "the server's token, if it wants one")
	pictures := flag.String("pictures", "", "folder for screenshots")
	flag.Parse()
	if err := run(*url, *token, *pictures); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

func run(url, token, pictures string) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox,
		chromedp.WindowSize(1440, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	b := &browser{ctx, pictures}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return b.login(token) }, b.refuseBinary, b.drop, b.ask, b.again, b.evidence,
		b.quoted, b.broken, b.stop, b.tooLong,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Println("the page: file dropped, question answered as it came, quotations marked, stopped, errors said")
	return nil
}

type browser struct {
	ctx      context.Context
	pictures string
}

// is reads a truth from the page.
func (b *browser) is(script string) (bool, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
}

// do runs a script, which must not fail.
func (b *browser) do(script string) error {
	_, err := b.is("(() => {" + script + "; return true; })()")
	return err
}

// until waits for a condition on the page.
func (b *browser) until(what, condition string) error {
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		ok, err := b.is(condition)
		if err != nil || ok {
			return err
		}
	}
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`$("status").textContent`))
	return fmt.Errorf("%s: not within 90 seconds; the page says %q", what, text)
}

func (b *browser) picture(name string) error {
	if b.pictures == "" {
		return nil
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.pictures, name+".png"), png, 0o666)
}

func (b *browser) login(token string) error {
	if token == "" {
		return b.until("the model's name", `$("model").textContent.includes("tokens")`)
	}
	if err := b.until("the server wants a token", `!$("secret").hidden`); err != nil {
		return err
	}
	const enter = `$("token").value = %q; $("token").dispatchEvent(new Event("change"))`
	if err := b.do(fmt.Sprintf(enter, "wrong")); err != nil {
		return err
	}
	if err := b.do(submit); err != nil {
		return err
	}
	if err := b.until("a wrong token is said to be wrong",
		`$("status").textContent.includes("send the server's token") && !$("ask").disabled`); err != nil {
		return err
	}
	if err := b.do(fmt.Sprintf(enter, token)); err != nil {
		return err
	}
	return b.until("the model's name", `$("model").textContent.includes("tokens")`)
}

const dropFile = `const t = new DataTransfer(); t.items.add(new File([%s], %q));
$("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: t, bubbles: true, cancelable: true }))`

func (b *browser) refuseBinary() error {
	if err := b.do(fmt.Sprintf(dropFile, `"a\u0000b"`, "picture.png")); err != nil {
		return err
	}
	return b.until("a file that is no text is refused",
		`$("status").textContent.includes("is no text file") && $("status").classList.contains("wrong")`)
}

const document = "package main\\n\\n// The quick brown fox jumps over the lazy dog <b>twice</b>.\\n" +
	"func main() {\\n\\tfmt.Println(1)\\n}\\n"

func (b *browser) drop() error {
	if err := b.do(fmt.Sprintf(dropFile, `"`+document+`"`, "fox.go")); err != nil {
		return err
	}
	return b.until("the document is shown whole",
		`$("document").textContent === "`+document+`" && $("about").textContent.startsWith("fox.go:")`)
}

const submit = `$("question").value = "What does it do?"; $("form").requestSubmit()`

func (b *browser) ask() error {
	if err := b.do(submit); err != nil {
		return err
	}
	if err := b.until("the answer begins", `$("answer").textContent.length > 0`); err != nil {
		return err
	}
	if err := b.until("the answer ends", `!$("ask").disabled && $("status").textContent.includes("written")`); err != nil {
		return err
	}
	return b.picture("answered")
}

// again asks once more: the document has been read.
func (b *browser) again() error {
	if err := b.do(submit); err != nil {
		return err
	}
	return b.until("the document was cached",
		`!$("ask").disabled && / [1-9]\d* of them cached/.test($("status").textContent)`)
}

// evidence marks what an answer quotes: the model of the test quotes nothing by itself.
func (b *browser) evidence() error {
	err := b.do(`$("answer").textContent = "It says: \"the quick  brown fox jumps over the lazy dog\", and " +
		"prints fmt.Println(1)."; showEvidence()`)
	if err != nil {
		return err
	}
	ok, err := b.is(`(() => { const m = [...document.querySelectorAll("mark")].map((x) => x.textContent);
		return m.length === 1 && m[0] === "The quick brown fox jumps over the lazy dog" &&
			$("document").textContent === "` + document + `" && $("passages").children.length === 1; })()`)
	if err == nil && !ok {
		err = fmt.Errorf("the passage is not marked, or the document is not whole")
	}
	if err != nil {
		return err
	}
	return b.picture("evidence")
}

// as makes the page's next question be answered by a script in the server's place.
func (b *browser) as(script string) error {
	return b.do(`const fetched = window.fetch;
		window.fetch = async () => { window.fetch = fetched; ` + script + ` };` + submit)
}

// inPieces answers with a stream that is cut anywhere, within lines and characters.
const inPieces = `const bytes = new TextEncoder().encode(%s);
	return new Response(new ReadableStream({ async start(c) {
		for (let i = 0; i < bytes.length; i += 3) {
			c.enqueue(bytes.slice(i, i + 3));
			if (i %% 30 === 0) await new Promise((r) => setTimeout(r));
		}
		c.close();
	} }));`

// quoted follows an answer that quotes, as it is streamed.
func (b *browser) quoted() error {
	err := b.as(fmt.Sprintf(inPieces, `": read 10 of 20\n\n" +
		["“quick brown ", "fox jumps", " over the” — ", "naïve"].map((text) => "data: " + JSON.stringify(
			{ choices: [{ delta: { content: text } }] }) + "\n\n").join("") + "data: [DONE]\n\n"`))
	if err != nil {
		return err
	}
	return b.until("the streamed quotation is marked", `!$("ask").disabled &&
		$("answer").textContent === "“quick brown fox jumps over the” — naïve" &&
		[...document.querySelectorAll("mark")].map((m) => m.textContent).join() === "quick brown fox jumps over the"`)
}

// broken is told of what goes wrong: at once, in mid-stream, and without an answer.
func (b *browser) broken() error {
	for _, c := range []struct{ script, want string }{
		{`return new Response(JSON.stringify({ error: { message: "too many requests wait" } }), { status: 429 });`,
			"too many requests wait"},
		{fmt.Sprintf(inPieces, `"data: " + JSON.stringify({ choices: [{ delta: { content: "begun" } }] }) + "\n\n" +
			"data: " + JSON.stringify({ error: { message: "the server is shutting down" } }) + "\n\n"`),
			"the server is shutting down"},
		{`throw new TypeError("Failed to fetch");`, "Failed to fetch"},
		{`return new Response("<html>a proxy's page</html>", { status: 502 });`, "502"},
	} {
		if err := b.as(c.script); err != nil {
			return err
		}
		if err := b.until("an error is said: "+c.want, fmt.Sprintf(`!$("ask").disabled && $("stop").hidden &&
			$("status").classList.contains("wrong") && $("status").textContent.includes(%q)`, c.want)); err != nil {
			return err
		}
	}
	return b.picture("error")
}

// stop ends an answer on its way.
func (b *browser) stop() error {
	if err := b.do(submit); err != nil {
		return err
	}
	if err := b.until("an answer on its way", `!$("stop").hidden`); err != nil {
		return err
	}
	if err := b.do(`$("stop").click()`); err != nil {
		return err
	}
	return b.until("it has stopped", `!$("ask").disabled && $("stop").hidden`)
}

func (b *browser) tooLong() error {
	if err := b.do(fmt.Sprintf(dropFile, `"word ".repeat(20000)`, "long.txt") + ";"); err != nil {
		return err
	}
	if err := b.until("the long document", `$("about").textContent.startsWith("long.txt")`); err != nil {
		return err
	}
	if err := b.do(submit); err != nil {
		return err
	}
	return b.until("the context is said to be too small",
		`$("status").textContent.includes("more than the model's context")`)
}
