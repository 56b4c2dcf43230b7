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

func FuzzRead(f *testing.F) {
	f.Add([]byte("<html><body><table><tr><td><table><tr><td>a<ul><li>b<pre>c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := Read(data); err == nil && !utf8.ValidString(p.Body) {
			t.Errorf("body is not UTF-8: %q", p.Body)
		}
	})
}
