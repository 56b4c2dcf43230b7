package goroot

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// frontMatter is the JSON comment before a page of the Go site.
var frontMatter = regexp.MustCompile(`(?s)^<!--\{(.*?)\}-->`)

var frontTitle = regexp.MustCompile(`"Title":\s*"([^"]*)"`)

// blankLines are more than one blank line.
var blankLines = regexp.MustCompile(`\n{3,}`)

// htmlText returns a page's title and its text: paragraphs and headings apart by blank lines,
// headings marked as in Markdown, preformatted text as it stands.
func htmlText(page string) (title, text string, err error) {
	if m := frontMatter.FindStringSubmatch(page); m != nil {
		if t := frontTitle.FindStringSubmatch(m[1]); t != nil {
			title = t[1]
		}
	}
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return "", "", fmt.Errorf("read HTML: %w", err)
	}
	var r htmlRenderer
	r.node(root)
	if title == "" {
		title = strings.TrimSpace(r.title)
	}
	lines := strings.Split(r.b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	text = blankLines.ReplaceAllString(strings.Join(lines, "\n"), "\n\n")
	return title, strings.TrimSpace(text) + "\n", nil
}

// htmlRenderer writes the text of a tree.
type htmlRenderer struct {
	b     strings.Builder
	title string
	pre   int // depth of preformatted elements
}

func (r *htmlRenderer) node(n *html.Node) {
	if n.Type == html.TextNode {
		r.text(n.Data)
		return
	}
	if n.Type == html.ElementNode && !r.open(n) {
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		r.node(c)
	}
	if n.Type == html.ElementNode {
		r.close(n)
	}
}

// open writes what goes before an element's content; false skips the element.
func (r *htmlRenderer) open(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Script, atom.Style:
		return false
	case atom.Title:
		r.title = content(n)
		return false
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		r.b.WriteString("\n\n" + strings.Repeat("#", int(n.Data[1]-'0')) + " ")
	case atom.P, atom.Ul, atom.Ol, atom.Dl, atom.Table, atom.Div, atom.Blockquote:
		r.b.WriteString("\n\n")
	case atom.Pre:
		r.b.WriteString("\n\n")
		r.pre++
	case atom.Li:
		r.b.WriteString("\n- ")
	case atom.Br, atom.Tr, atom.Dt, atom.Dd:
		r.b.WriteString("\n")
	case atom.Td, atom.Th:
		r.b.WriteString(" ")
	}
	return true
}

func (r *htmlRenderer) close(n *html.Node) {
	switch n.DataAtom {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.P, atom.Ul, atom.Ol, atom.Dl,
		atom.Table, atom.Div, atom.Blockquote:
		r.b.WriteString("\n\n")
	case atom.Pre:
		r.pre--
		r.b.WriteString("\n\n")
	}
}

// text writes character data; outside of preformatted text a run of white space is one space.
func (r *htmlRenderer) text(data string) {
	if r.pre > 0 {
		r.b.WriteString(data)
		return
	}
	words := strings.Join(strings.Fields(data), " ")
	if words == "" {
		words = " "
	} else {
		if strings.TrimLeft(data, " \t\n") != data {
			words = " " + words
		}
		if strings.TrimRight(data, " \t\n") != data {
			words += " "
		}
	}
	if last := r.last(); (last == '\n' || last == ' ' || last == 0) && words[0] == ' ' {
		words = words[1:]
	}
	r.b.WriteString(words)
}

// last is the last byte written, 0 at the beginning.
func (r *htmlRenderer) last() byte {
	if r.b.Len() == 0 {
		return 0
	}
	s := r.b.String()
	return s[len(s)-1]
}

// content is the character data under a node.
func content(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(content(c))
	}
	return b.String()
}
