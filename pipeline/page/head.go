package page

import (
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// head reads what a page says of itself.
func head(root *html.Node) (p Page) {
	heading := ""
	walk(root, func(n *html.Node) {
		switch n.Data {
		case "html":
			p.Language = strings.TrimSpace(attribute(n, "lang"))
		case "title":
			if p.Title == "" && (n.Parent == nil || n.Parent.Data == "head") {
				p.Title = text(n)
			}
		case "h1":
			if heading == "" {
				heading = text(n)
			}
		case "meta":
			p.meta(strings.ToLower(attribute(n, "name")+attribute(n, "property")), attribute(n, "content"))
		case "link", "a":
			p.link(n)
		}
	})
	if p.Title == "" {
		p.Title = heading
	}
	return p
}

func (p *Page) meta(name, content string) {
	switch name {
	case "og:url":
		if p.URL == "" && isAddress(content) {
			p.URL = content
		}
	case "dc.rights", "dcterms.license", "dcterms.rights", "license", "dc.rights.license":
		if p.Licence == "" && content != "" {
			p.Licence = spdx(content)
		}
	}
}

// link reads a link's relation; canonical and license in the head or the body.
func (p *Page) link(n *html.Node) {
	to := strings.TrimSpace(attribute(n, "href"))
	for _, rel := range strings.Fields(strings.ToLower(attribute(n, "rel"))) {
		switch {
		case rel == "canonical" && n.Data == "link" && isAddress(to):
			p.URL = to
		case rel == "license" && to != "" && (p.Licence == "" || n.Data == "link"):
			p.Licence = spdx(to)
		}
	}
}

func isAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// commons are the addresses of Creative Commons' licences.
var commons = regexp.MustCompile(
	`creativecommons\.org/(licenses|publicdomain)/([a-z-]+)/([0-9]\.[0-9])(?:/([a-z]{2})\b)?`)

// spdx returns the SPDX identifier of a licence's address, or what was given.
func spdx(s string) string {
	m := commons.FindStringSubmatch(strings.ToLower(s))
	switch {
	case m == nil:
		return s
	case m[2] == "zero":
		return "CC0-" + m[3]
	case m[2] == "mark":
		return "LicenseRef-public-domain"
	}
	return "CC-" + strings.ToUpper(m[2]) + "-" + m[3]
}
