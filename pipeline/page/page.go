// Package page reads web pages: the main text of an HTML file, without the navigation around it, as
// Markdown, and what the page says of itself.
package page

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"codeberg.org/readeck/go-readability/v2"
	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// ErrNoText reports a page without a main text.
var ErrNoText = errors.New("the page has no text")

// Page is what a web page says.
type Page struct {
	Title, Language string
	// URL is the address that the page names as its own.
	URL string
	// Licence is an SPDX identifier, or the address of a licence that has none here.
	Licence string
	Body    string // Markdown
}

// maxDepth bounds how deep elements may lie in each other; walks over a tree are recursive.
const maxDepth = 512

// Read reads a page in the encoding that its byte order mark or its head declares, else Windows-1252
// or UTF-8, and takes bytes that are no character of it for U+FFFD, as browsers do.
func Read(data []byte) (Page, error) {
	r, err := charset.NewReader(bytes.NewReader(data), "")
	if errors.Is(err, io.EOF) {
		return Page{}, ErrNoText
	}
	if err != nil {
		return Page{}, fmt.Errorf("read HTML: %w", err)
	}
	root, err := html.Parse(transform.NewReader(r, unicode.UTF8.NewDecoder()))
	if err != nil {
		return Page{}, fmt.Errorf("read HTML: %w", err)
	}
	if depth(root) > maxDepth {
		return Page{}, fmt.Errorf("read HTML: elements lie more than %d deep in each other", maxDepth)
	}
	remove(root, isPermalink)
	p := head(root)
	main := mainText(root)
	if main == nil {
		return Page{}, ErrNoText
	}
	if p.Body = markdown(main); strings.TrimSpace(p.Body) == "" {
		return Page{}, ErrNoText
	}
	return p, nil
}

// depth is that of the tree, found without recursion.
func depth(root *html.Node) (deepest int) {
	at := 0
	for n := root; n != nil; {
		if n.FirstChild != nil {
			n, at = n.FirstChild, at+1
			deepest = max(deepest, at)
			continue
		}
		for n != nil && n.NextSibling == nil {
			n, at = n.Parent, at-1
		}
		if n != nil {
			n = n.NextSibling
		}
	}
	return deepest
}

// mainText finds the main text: what the page marks as such, if it is one element, else what
// readability takes for it, else the body without its frame.
func mainText(root *html.Node) *html.Node {
	strip(root)
	var marked []*html.Node
	walk(root, func(n *html.Node) {
		if n.Data == "main" || n.Data == "article" || attribute(n, "role") == "main" {
			marked = append(marked, n)
		}
	})
	if len(marked) > 0 && (len(marked) == 1 || marked[0].Data == "main") {
		return marked[0]
	}
	body := find(root, "body")
	parser := readability.NewParser()
	if article, err := parser.ParseDocument(root, &url.URL{}); err == nil && article.Node != nil &&
		2*len(text(article.Node)) > len(text(body)) {
		return article.Node
	}
	return body
}

// frames are the elements around a main text.
var frames = map[string]bool{
	"nav": true, "aside": true, "footer": true, "script": true, "style": true, "noscript": true,
	"template": true, "form": true, "button": true, "iframe": true, "svg": true, "dialog": true,
	"select": true, "canvas": true, "object": true,
}

// frameMarks are words of ids, classes and roles that mark a frame.
var frameMarks = []string{
	"cookie", "navbar", "sidebar", "breadcrumb", "navigation", "contentinfo", "search", "banner",
	"consent", "newsletter", "skip-link",
}

// strip removes frames.
func strip(root *html.Node) {
	remove(root, func(n *html.Node) bool {
		return frames[n.Data] || isMarked(n) ||
			n.Data == "header" && n.Parent != nil && n.Parent.Data == "body"
	})
}

// permalinks are what links from a heading, a term or a caption to itself show.
var permalinks = map[string]bool{"¶": true, "#": true, "§": true, "🔗": true, "\uf0c1": true}

// isPermalink reports whether an element is a link to a place of its own page that shows nothing but
// a sign for that.
func isPermalink(n *html.Node) bool {
	return n.Data == "a" && strings.HasPrefix(attribute(n, "href"), "#") && permalinks[text(n)]
}

// remove takes the elements out of a tree that a function chooses.
func remove(root *html.Node, chosen func(*html.Node) bool) {
	var gone []*html.Node
	walk(root, func(n *html.Node) {
		if chosen(n) {
			gone = append(gone, n)
		}
	})
	for _, n := range gone {
		if n.Parent != nil {
			n.Parent.RemoveChild(n)
		}
	}
}

func isMarked(n *html.Node) bool {
	if n.Data == "body" || n.Data == "html" || n.Data == "main" || n.Data == "article" {
		return false
	}
	if _, hidden := lookup(n, "hidden"); hidden || attribute(n, "aria-hidden") == "true" {
		return true
	}
	for _, name := range []string{"id", "class", "role"} {
		for _, word := range strings.Fields(strings.ToLower(attribute(n, name))) {
			for _, mark := range frameMarks {
				if word == mark || strings.HasPrefix(word, mark+"-") || strings.HasSuffix(word, "-"+mark) {
					return true
				}
			}
		}
	}
	return false
}

// walk visits every element, before those in it.
func walk(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}

func find(root *html.Node, name string) (found *html.Node) {
	walk(root, func(n *html.Node) {
		if found == nil && n.Data == name {
			found = n
		}
	})
	return found
}

func lookup(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func attribute(n *html.Node, name string) string {
	v, _ := lookup(n, name)
	return v
}

// text is the character data under a node, white space as one space, which stands between blocks
// too.
func text(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	var add func(*html.Node)
	add = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		if n.Type == html.ElementNode && !inline[n.Data] {
			b.WriteByte(' ')
			defer b.WriteByte(' ')
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			add(c)
		}
	}
	add(n)
	return strings.Join(strings.Fields(b.String()), " ")
}
