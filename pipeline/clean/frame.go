package clean

import (
	"regexp"
	"strings"
)

// The lines between which Project Gutenberg's books stand, since 1994 and as they were before.
var (
	gutenbergStart = regexp.MustCompile(
		`(?im)^\s*\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG[^\n]*(?:\n[^\n*]+)?\*\*\*\s*$|` +
			`(?im)^\*END[* ]?THE SMALL PRINT![^\n]*$`)
	gutenbergEnd = regexp.MustCompile(
		`(?im)^\s*\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG|` +
			`(?im)^\s*End of (?:the |this )?Project Gutenberg(?:'s|’s)? `)
)

// frameBytes is how far from the text's ends a frame is looked for. The longest licence is 20 kB.
const frameBytes = 64 << 10

// gutenberg keeps what stands between the header and the licence of a book of Project Gutenberg.
func gutenberg(text string) (string, int) {
	if !strings.Contains(text[:min(len(text), frameBytes)], "utenberg") &&
		!strings.Contains(text[max(0, len(text)-frameBytes):], "utenberg") {
		return text, 0
	}
	n := 0
	if at := gutenbergStart.FindStringIndex(text[:min(len(text), frameBytes)]); at != nil {
		text = text[at[1]:]
		n++
	}
	tail := max(0, len(text)-frameBytes)
	if at := gutenbergEnd.FindStringIndex(text[tail:]); at != nil {
		text = text[:tail+at[0]]
		n++
	}
	if n > 0 {
		text = strings.TrimSpace(text) + "\n"
	}
	return text, n
}

// bannerBytes is the length up to which a line can be a banner: a paragraph that speaks about cookies
// is a text about cookies.
const bannerBytes = 240

// bannerBegins are the beginnings of all that banner matches, in lower case. Nearly every line begins
// otherwise, and is not looked at closely.
var bannerBegins = []string{
	"thi", "our", "the", "web", "we ", "by ", "acc", "all", "rej", "man", "coo", "ple", "ena", "tur",
	"jav", "sub", "sig", "pri", "ter", "cop", "©", "(c)", "adv", "fol", "sha", "bac", "ski", "log",
}

// banner matches whole lines, in lower case.
var banner = regexp.MustCompile(`^\W*(?:` + strings.Join([]string{
	`(?:this|our|the) (?:web)?site uses? cookies\b.*`,
	`we (?:and our partners )?use cookies\b.*`,
	`by (?:continuing|using|browsing|clicking)\b.*\bcookies?\b.*`,
	`(?:accept|allow|reject|manage)(?: all| your)? cookies?(?: settings| preferences)?`,
	`cookie (?:policy|settings|preferences|notice)`,
	`(?:please )?(?:enable|turn on) javascript\b.*`,
	`javascript (?:is|must be) (?:disabled|enabled|required)\b.*`,
	`(?:please )?(?:subscribe|sign up)(?: now| today)? (?:to|for) (?:our|the|my|free)\b.*`,
	`(?:privacy policy|terms of (?:use|service)|terms and conditions)(?:\W+(?:privacy policy|` +
		`terms of (?:use|service)|terms and conditions|cookie policy|contact(?: us)?|about(?: us)?))*`,
	`(?:copyright|©|\(c\)).*\ball rights reserved\b\W*`,
	`all rights reserved`,
	`advertisement(?: - continue reading below)?`,
	`(?:follow us|share this|share) on (?:facebook|twitter|x|instagram|linkedin|social media)\b.*`,
	`(?:back to top|skip to (?:main )?content|log in|sign up)`,
}, `|`) + `)\W*$`)

// banners takes out lines that web pages put around a text.
func banners(text string) (string, int) {
	var b strings.Builder
	n, from := 0, 0
	for at := 0; at < len(text); {
		end := strings.IndexByte(text[at:], '\n') + 1
		if end += at; end == at {
			end = len(text)
		}
		if end-at <= bannerBytes && isBanner(text[at:end]) {
			b.WriteString(text[from:at])
			from = end
			n++
		}
		at = end
	}
	if n == 0 {
		return text, 0
	}
	b.WriteString(text[from:])
	return b.String(), n
}

func isBanner(line string) bool {
	line = strings.TrimLeft(line, " \t*|-#>•[")
	if len(line) < 3 || !begins(line) {
		return false
	}
	return banner.MatchString(strings.ToLower(line))
}

// begins reports whether a line begins as a banner does.
func begins(line string) bool {
	for _, b := range bannerBegins {
		if line[0]|0x20 == b[0] || line[0] == b[0] {
			if strings.EqualFold(line[:len(b)], b) {
				return true
			}
		}
	}
	return false
}
