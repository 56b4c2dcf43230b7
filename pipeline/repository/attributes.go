package repository

import (
	"path"
	"regexp"
	"strings"
)

// attribute is a line of .gitattributes that says of files whether others need to read them.
type attribute struct {
	pattern *regexp.Regexp
	base    bool // the pattern is of the name alone
	reason  string
	set     bool
}

// judged are the attributes for that, as GitHub's Linguist defines them.
var judged = []struct{ name, reason string }{
	{"linguist-vendored", ReasonVendored}, {"linguist-generated", ReasonGenerated},
}

// attributes reads .gitattributes at the top of the commit, as far as it can be read.
func (r *Repository) attributes() (all []attribute) {
	tree, err := r.commit.Tree()
	if err != nil {
		return nil
	}
	for _, e := range tree.Entries {
		if e.Name != ".gitattributes" {
			continue
		}
		data, err := r.blob(e.Hash, MaxFile)
		if err != nil {
			return nil
		}
		for line := range strings.Lines(string(data)) {
			all = append(all, parseAttributes(line)...)
		}
	}
	return all
}

func parseAttributes(line string) (all []attribute) {
	fields := strings.Fields(line)
	if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
		return nil
	}
	pattern, err := wildcards(fields[0])
	if err != nil {
		return nil
	}
	for _, f := range fields[1:] {
		name, value, _ := strings.Cut(strings.TrimLeft(f, "-!"), "=")
		for _, j := range judged {
			if name == j.name {
				set := name[0] == f[0] && value != "false"
				all = append(all, attribute{pattern, !strings.Contains(fields[0], "/"), j.reason, set})
			}
		}
	}
	return all
}

// wildcards translates a pattern of gitattributes(5).
func wildcards(pattern string) (*regexp.Regexp, error) {
	p := strings.TrimPrefix(pattern, "/")
	var b strings.Builder
	b.WriteString("^")
	for p != "" {
		n := 1
		switch {
		case strings.HasPrefix(p, "**/"):
			n = 3
			b.WriteString("(?:.*/)?")
		case p == "**":
			n = 2
			b.WriteString(".*")
		case p[0] == '*':
			b.WriteString("[^/]*")
		case p[0] == '?':
			b.WriteString("[^/]")
		case p[0] == '[' && strings.Contains(p[1:], "]"):
			n = 2 + strings.IndexByte(p[1:], ']')
			b.WriteString("[" + strings.Replace(p[1:n-1], "!", "^", 1) + "]")
		case p[0] == '\\' && len(p) > 1:
			n = 2
			b.WriteString(regexp.QuoteMeta(p[1:2]))
		default:
			b.WriteString(regexp.QuoteMeta(p[:1]))
		}
		p = p[n:]
	}
	return regexp.Compile(b.String() + "$")
}

// leftOut finds the reason for which a file need not be read; the last line that matches counts.
func leftOut(all []attribute, name string) (reason string, out bool) {
	for _, j := range judged {
		set := false
		for _, a := range all {
			subject := name
			if a.base {
				subject = path.Base(name)
			}
			if a.reason == j.reason && a.pattern.MatchString(subject) {
				set = a.set
			}
		}
		if set {
			return j.reason, true
		}
	}
	return "", false
}
