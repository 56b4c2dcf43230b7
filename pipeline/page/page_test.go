package page

import (
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	const in = `<!doctype html><html lang="fr"><head><meta charset="iso-8859-1"><title>Un  titre</title>
<link rel="canonical" href="https://example.org/a"><link rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/">
</head><body><nav>menu</nav><main><h1>T&amp;A</h1><p>Un caf` + "\xe9" + ` <b>noir</b>.</p>
<ul><li>un</li><li>deux<ul><li>trois</li></ul></li></ul><pre>a
  b</pre><table><tr><th>x<th>y<tr><td>1<td>2|3</table><blockquote>dit</blockquote></main>
<aside>pub</aside><footer>pied</footer></body></html>`
	got, err := Read([]byte(in))
	want := Page{
		Title: "Un titre", Language: "fr", URL: "https://example.org/a", Licence: "CC-BY-SA-4.0",
		Body: "# T&A\n\nUn café noir.\n\n- un\n- deux\n  - trois\n\n```\na\n  b\n```\n\n" +
			"| x | y |\n| --- | --- |\n| 1 | 2\\|3 |\n\n> dit\n",
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("error %v, difference (-want +got):\n%s", err, d)
	}
}

// Links from headings to themselves are no text, and what is marked within a word does not cut it.
func TestHeadings(t *testing.T) {
	for in, want := range map[string]string{
		`<h2>Built-in Types<a class="headerlink" href="#types" title="Link">¶</a></h2>`:          "## Built-in Types\n",
		`<h2><a href="#n" class="anchor">#</a> <code>os</code>.<em>path</em></h2>`:               "## os.path\n",
		`<h3>Line<br>break <a href="#x">see #</a></h3>`:                                          "### Line break see #\n",
		`<dl><dt>open(<i>file</i>)<a href="#open">¶</a></dt><dd>It opens.</dd></dl>`:             "**open(file)**\n\nIt opens.\n",
		`<p>By <code><span>len</span>(<span>x</span>)</code> as in <a href="law#3">§</a> 3.</p>`: "By `len(x)` as in § 3.\n",
		`<table><tr><td>a<td><p>b</p><p>c</p><tr><td>d<td>e</table>`:                             "| a | b c |\n| --- | --- |\n| d | e |\n",
	} {
		p, err := Read([]byte("<html><body><main>" + in + "</main></body></html>"))
		if err != nil || p.Body != want {
			t.Errorf("%s: got %q, %v, want %q", in, p.Body, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("<html><body><table><tr><td><table><tr><td>a<ul><li>b<pre>c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := Read(data); err == nil && !utf8.ValidString(p.Body) {
			t.Errorf("body is not UTF-8: %q", p.Body)
		}
	})
}
