package page

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// markdown writes a tree as Markdown: headings, paragraphs, lists, quotes, listings and tables. Links
// and pictures are their texts.
func markdown(n *html.Node) string {
	var w writer
	w.blocks(n)
	w.end()
	text := blankLines.ReplaceAllString(strings.Join(w.out, "\n\n"), "\n\n")
	return strings.TrimSpace(text) + "\n"
}

var blankLines = regexp.MustCompile(`\n{3,}`)

// writer gathers blocks; words are those of the present paragraph.
type writer struct {
	out   []string
	words strings.Builder
}

// end closes the present paragraph.
func (w *writer) end() {
	var lines []string
	for _, l := range strings.Split(w.words.String(), "\n") {
		if l = strings.Join(strings.Fields(l), " "); l != "" {
			lines = append(lines, l)
		}
	}
	w.words.Reset()
	if len(lines) > 0 {
		w.out = append(w.out, strings.Join(lines, "\n"))
	}
}

// inline are the elements that do not end a paragraph.
var inline = map[string]bool{
	"a": true, "abbr": true, "b": true, "bdi": true, "bdo": true, "cite": true, "code": true, "data": true,
	"dfn": true, "em": true, "font": true, "i": true, "kbd": true, "label": true, "mark": true, "q": true,
	"s": true, "samp": true, "small": true, "span": true, "strong": true, "sub": true, "sup": true,
	"time": true, "tt": true, "u": true, "var": true, "wbr": true, "ins": true, "del": true, "ruby": true,
	"rb": true, "rt": true, "rp": true, "big": true,
}

func (w *writer) blocks(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c)
	}
}

func (w *writer) node(n *html.Node) {
	switch {
	case n.Type == html.TextNode:
		w.words.WriteString(strings.NewReplacer("\n", " ", "\r", " ").Replace(n.Data))
	case n.Type != html.ElementNode:
	case n.Data == "br":
		w.words.WriteByte('\n')
	case n.Data == "code" && !strings.Contains(text(n), "`"):
		if t := text(n); t != "" {
			w.words.WriteString("`" + t + "`")
		}
	case inline[n.Data]:
		w.blocks(n)
	default:
		w.end()
		w.block(n)
		w.end()
	}
}

// block writes an element that is a block of its own.
func (w *writer) block(n *html.Node) {
	switch n.Data {
	case "h1", "h2", "h3", "h4", "h5", "h6":
		if t := text(n); t != "" {
			w.out = append(w.out, strings.Repeat("#", int(n.Data[1]-'0'))+" "+t)
		}
	case "pre":
		w.out = append(w.out, fence(strings.Trim(raw(n), "\n")))
	case "ul", "ol", "menu":
		w.list(n)
	case "table":
		w.table(n)
	case "blockquote":
		w.out = append(w.out, prefix(strings.TrimSpace(markdown(n)), "> ", "> "))
	case "dt":
		if t := text(n); t != "" {
			w.out = append(w.out, "**"+t+"**")
		}
	case "head", "title", "math":
		if n.Data == "math" {
			w.words.WriteString(" " + text(n) + " ")
		}
	default:
		w.blocks(n)
	}
}

func fence(code string) string {
	mark := "```"
	for strings.Contains(code, mark) {
		mark += "`"
	}
	return mark + "\n" + code + "\n" + mark
}

// raw is the character data under a node as it stands.
func raw(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	if n.Type == html.ElementNode && n.Data == "br" {
		return "\n"
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(raw(c))
	}
	return b.String()
}

// prefix puts first before the first line and rest before the others.
func prefix(s, first, rest string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		p := rest
		if i == 0 {
			p = first
		}
		lines[i] = strings.TrimRight(p+l, " ")
	}
	return strings.Join(lines, "\n")
}

func (w *writer) list(n *html.Node) {
	var items []string
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		t := ""
		switch {
		case c.Type == html.ElementNode:
			t = strings.TrimSpace(markdown(c))
			if c.Data == "ul" || c.Data == "ol" { // a list right in a list
				items = append(items, prefix(t, "  ", "  "))
				continue
			}
		case c.Type == html.TextNode:
			t = strings.Join(strings.Fields(c.Data), " ")
		}
		if t == "" {
			continue
		}
		mark := "- "
		if n.Data == "ol" {
			mark = fmt.Sprintf("%d. ", len(items)+1)
		}
		t = strings.ReplaceAll(t, "\n\n", "\n")
		items = append(items, prefix(t, mark, strings.Repeat(" ", len(mark))))
	}
	if len(items) > 0 {
		w.out = append(w.out, strings.Join(items, "\n"))
	}
}

// table writes rows with pipes; a table of one column is layout, and its cells are blocks.
func (w *writer) table(n *html.Node) {
	var rows [][]*html.Node
	width := 0
	collect(n, func(tr *html.Node) {
		var cells []*html.Node
		for c := tr.FirstChild; c != nil; c = c.NextSibling {
			if c.Data == "td" || c.Data == "th" {
				cells = append(cells, c)
			}
		}
		rows = append(rows, cells)
		width = max(width, len(cells))
	}, func(caption *html.Node) { w.blocks(caption); w.end() })
	if width < 2 {
		for _, cells := range rows {
			for _, c := range cells {
				w.blocks(c)
				w.end()
			}
		}
		return
	}
	var b strings.Builder
	for i, cells := range rows {
		row := make([]string, width)
		for j, c := range cells {
			row[j] = strings.ReplaceAll(text(c), "|", `\|`)
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat(" --- |", width) + "\n")
		}
	}
	w.out = append(w.out, strings.TrimSpace(b.String()))
}

// collect visits a table's rows and its caption, not those of tables in it.
func collect(n *html.Node, row, caption func(*html.Node)) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Data {
		case "tr":
			row(c)
		case "caption":
			caption(c)
		case "thead", "tbody", "tfoot":
			collect(c, row, caption)
		}
	}
}
