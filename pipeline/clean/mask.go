package clean

import (
	"net/netip"
	"strings"
)

// The placeholders are the same for every address, so that nothing of it is left.
const (
	emailPlaceholder = "<email>"
	ipPlaceholder    = "<ip>"
)

// maskEmail replaces addresses of the form local@domain.tld (RFC 5322 without quotes and comments).
func maskEmail(text string) (string, int) {
	var b strings.Builder
	n, from := 0, 0
	for search := 0; ; {
		at := strings.IndexByte(text[search:], '@')
		if at < 0 {
			break
		}
		at += search
		search = at + 1
		start, end := emailStart(text, at, from), emailEnd(text, at+1)
		if start == at || end == 0 {
			continue
		}
		b.WriteString(text[from:start])
		b.WriteString(emailPlaceholder)
		from, search = end, end
		n++
	}
	if n == 0 {
		return text, 0
	}
	b.WriteString(text[from:])
	return b.String(), n
}

// maxLocal is the longest local part (RFC 5321, 4.5.3.1.1), maxDomain the longest domain.
const (
	maxLocal  = 64
	maxDomain = 253
)

// emailStart returns where the local part before an @ begins, at itself if there is none.
func emailStart(text string, at, least int) int {
	start := at
	for start > max(least, at-maxLocal) && (isAlnum(text[start-1]) ||
		strings.IndexByte("._%+-", text[start-1]) >= 0) {
		start--
	}
	for start < at && !isAlnum(text[start]) {
		start++
	}
	if start < at && text[at-1] == '.' {
		return at
	}
	return start
}

// emailEnd returns where the domain after an @ ends, 0 if there is none.
func emailEnd(text string, from int) int {
	end := from
	for end < min(len(text), from+maxDomain) && (isAlnum(text[end]) || text[end] == '.' ||
		text[end] == '-') {
		end++
	}
	for end > from && !isAlnum(text[end-1]) {
		end--
	}
	domain := text[from:end]
	dot := strings.LastIndexByte(domain, '.')
	if dot < 1 || len(domain)-dot < 3 || strings.Contains(domain, "..") {
		return 0
	}
	for _, c := range []byte(domain[dot+1:]) {
		if c >= '0' && c <= '9' {
			return 0 // no top-level domain has digits, but versions do, as in pkg@v1.2.3
		}
	}
	return end
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// maskIP replaces public addresses, versions 4 and 6. Private, loopback and link-local ones are no
// data of a person, and documents about networks are full of them.
func maskIP(text string) (string, int) {
	var b strings.Builder
	n, from := 0, 0
	m := marks{text: text, dot: -1, colon: -1}
	for i := m.next(0); i < len(text); {
		start, end := i, i
		for start > from && addressByte(text[start-1]) {
			start--
		}
		for end < len(text) && addressByte(text[end]) {
			end++
		}
		alone := (start == 0 || !isAlnum(text[start-1]) && text[start-1] != '_') &&
			(end == len(text) || !isAlnum(text[end]) && text[end] != '_')
		if stop, ok := address(text[start:end]); ok && alone {
			b.WriteString(text[from:start])
			b.WriteString(ipPlaceholder)
			from = start + stop
			n++
		}
		i = m.next(end)
	}
	if n == 0 {
		return text, 0
	}
	b.WriteString(text[from:])
	return b.String(), n
}

// addressByte reports what addresses are written with.
func addressByte(c byte) bool { return c == '.' || c == ':' || isHex(c) }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// marks finds the full stops and colons of a text that can stand within an address. dot and colon are
// the next of each.
type marks struct {
	text       string
	dot, colon int
}

// next returns the first mark that is not before from, or the text's end.
func (m *marks) next(from int) int {
	for i := from; ; i++ {
		m.dot, m.colon = m.find('.', m.dot, i), m.find(':', m.colon, i)
		i = min(m.dot, m.colon)
		if i+1 >= len(m.text) {
			return len(m.text)
		}
		if isHex(m.text[i+1]) || m.text[i+1] == ':' {
			return i
		}
	}
}

func (m *marks) find(c byte, known, from int) int {
	if known >= from {
		return known
	}
	if i := strings.IndexByte(m.text[min(from, len(m.text)):], c); i >= 0 {
		return from + i
	}
	return len(m.text)
}

// address returns where a public address ends with which a run of address bytes begins; a full stop,
// a colon or a port may follow.
func address(run string) (end int, ok bool) {
	if strings.Count(run, ".") < 3 && strings.Count(run, ":") < 2 {
		return 0, false
	}
	trimmed := strings.TrimRight(run, ".")
	for _, s := range []string{trimmed, strings.TrimSuffix(trimmed, ":"), withoutPort(trimmed)} {
		if a, err := netip.ParseAddr(s); err == nil && public(a) {
			return len(s), true
		}
	}
	return 0, false
}

// public reports addresses of version 4 that are not private, and those of version 6 that are given
// out (2000::/3), without the part for documentation.
func public(a netip.Addr) bool {
	if a.Is4() {
		return a.IsGlobalUnicast() && !a.IsPrivate()
	}
	b := a.As16()
	return b[0]>>5 == 1 && [4]byte(b[:4]) != [4]byte{0x20, 0x01, 0x0d, 0xb8}
}

// withoutPort cuts the port off an address of version 4.
func withoutPort(s string) string {
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.IndexByte(s, ':') == i {
		return s[:i]
	}
	return s
}
