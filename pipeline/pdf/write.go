package pdf

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"
)

// write writes the blocks as Markdown. The title is the largest heading before the first section.
func (c *composer) write() (text, title string) {
	c.rank()
	var b strings.Builder
	for i, o := range c.blocks {
		if i > 0 {
			if o.kind == item && c.blocks[i-1].kind == item {
				b.WriteByte('\n')
			} else {
				b.WriteString("\n\n")
			}
		}
		t := hyphens(strings.TrimSpace(o.text))
		switch o.kind {
		case heading:
			if title == "" && o.level == 1 {
				title = t
			}
			b.WriteString(strings.Repeat("#", o.level) + " " + t)
		case listing:
			b.WriteString("```\n" + strings.TrimRight(hyphens(o.text), "\n") + "\n```")
		case item:
			b.WriteString("- " + t)
		case table:
			b.WriteString(t)
		default:
			b.WriteString(escape(t))
		}
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	return b.String(), title
}

var marks = regexp.MustCompile(`^(#{1,6} |[-+*] |>|` + "```" + `)`)

// escape keeps a paragraph from being read as a heading, a list or a listing.
func escape(s string) string {
	if marks.MatchString(s) {
		return `\` + s
	}
	return s
}

// rank gives headings without a number a level by their size: 1 for the largest of the first page, if
// it is larger than all with a number, then 2 and on.
func (c *composer) rank() {
	var sizes []float64
	largest, at := 0.0, -1
	for i, b := range c.blocks {
		if b.kind != heading {
			continue
		}
		if b.size > largest*1.02 && i < 12 && b.level == 0 {
			largest, at = b.size, i
		}
		if s := math.Round(b.size * 2); !slices.Contains(sizes, s) {
			sizes = append(sizes, s)
		}
	}
	if at >= 0 && largest > 1.15*c.body {
		c.blocks[at].level = 1
	}
	c.demote(at)
	bySize := map[float64]int{}
	for _, b := range c.blocks {
		if s := math.Round(b.size * 2); b.kind == heading && b.level > 1 {
			if have, ok := bySize[s]; !ok || b.level < have {
				bySize[s] = b.level
			}
		}
	}
	slices.SortFunc(sizes, func(a, b float64) int { return cmp.Compare(b, a) })
	for i := range c.blocks {
		b := &c.blocks[i]
		if b.kind != heading || b.level > 0 {
			continue
		}
		s := math.Round(b.size * 2)
		if l, ok := bySize[s]; ok {
			b.level = l
		} else {
			b.level = min(2+below(sizes, s, largest), 6)
		}
	}
}

// below counts the sizes of headings above s, the title's apart.
func below(sizes []float64, s, title float64) (n int) {
	for _, o := range sizes {
		if o > s && o < math.Round(title*2) {
			n++
		}
	}
	return n
}

// demote makes paragraphs of what stands in large letters between the title and the first section:
// names of authors. Without a section soon after the title, nothing is known.
func (c *composer) demote(title int) {
	if title < 0 || c.blocks[title].level != 1 {
		return
	}
	for i := range min(len(c.blocks), maxAuthors) {
		b := &c.blocks[i]
		if b.kind != heading || i == title || b.level < 2 && !isSection(b.text) {
			continue
		}
		for j := range i {
			if o := &c.blocks[j]; o.kind == heading && j != title {
				o.kind = paragraph
			}
		}
		return
	}
}

// maxAuthors is how many blocks there may be before the first section.
const maxAuthors = 80

func isSection(s string) bool {
	return slices.Contains(sections, strings.ToLower(strings.TrimRight(s, ".:")))
}
