package material

import (
	"fmt"
	"slices"
	"sort"

	"longlora/longqa/dice"
)

// Band is a range of context lengths in tokens, [From, To).
type Band struct {
	From int `yaml:"from"`
	To   int `yaml:"to"`
}

// String is as "4k-8k".
func (b Band) String() string { return fmt.Sprintf("%dk-%dk", b.From/1000, b.To/1000) }

// Composer makes views within bands, spending documents evenly. It must not be used concurrently.
type Composer struct {
	docs []*Document
	// left is the number of questions that may still be asked about a document.
	left map[*Document]int
	size map[*Document]int
	d    *dice.Dice
	n    int
	name string
}

const (
	// margin keeps a view's sum of tokens away from the band's ends, as a part of them: the whole
	// is not quite the sum of its pieces.
	margin = 0.03
	// maxDocuments bounds the documents of a view.
	maxDocuments = 6
	// minShare is the least part of a view's target that a document is added for.
	minShare = 0.02
)

// NewComposer returns a composer over documents, each for at most rows questions.
func NewComposer(name string, docs []*Document, rows int) *Composer {
	c := &Composer{
		docs: docs, left: map[*Document]int{}, size: map[*Document]int{},
		d: dice.New("compose", name), name: name,
	}
	for _, d := range docs {
		c.left[d], c.size[d] = rows, d.Tokens()
	}
	return c
}

// Next returns a view within the band about which n questions may be asked; nil if the documents
// are spent.
func (c *Composer) Next(b Band, n int) *View {
	low, high := float64(b.From)*(1+margin), float64(b.To)*(1-margin)
	target := int(low + (high-low)*c.d.Float())
	var docs []Kept
	room := target
	for len(docs) < maxDocuments && float64(room) > minShare*float64(target) {
		d := c.choose(docs, room, n)
		if d == nil {
			break
		}
		alone := len(docs) == 0 && c.standsAlone(d, low, high)
		var k Kept
		switch {
		case alone:
			k = Whole(d).Docs[0]
		case d.Sections != nil:
			k = c.keepSections(d, int(low)-target+room, room+min(int(high)-target, room/8))
		default:
			k = c.keep(d, c.portion(d, room, len(docs), int(high)-target))
		}
		if len(k.Pieces) == 0 {
			break
		}
		docs = append(docs, k)
		for _, p := range k.Pieces {
			room -= p.Tokens
		}
		if alone {
			break
		}
	}
	c.n++
	v := NewView(fmt.Sprintf("%s-%s-%d", c.name, b, c.n), sortedByID(docs))
	if t := float64(v.Tokens()); t < low || t > high {
		return nil
	}
	return v
}

// Left is the most views about which n questions each may still be asked, if each has one document.
func (c *Composer) Left(n int) int {
	views := 0
	for _, d := range c.docs {
		views += max(0, c.left[d]) / n
	}
	return views
}

// Spend counts n questions about every document of a view.
func (c *Composer) Spend(v *View, n int) {
	for _, k := range v.Docs {
		c.left[k.Document] -= n
	}
}

func sortedByID(docs []Kept) []Kept {
	sort.Slice(docs, func(i, j int) bool { return docs[i].Document.ID < docs[j].Document.ID })
	return docs
}

// choose draws a document by what it can still give to the room that is left. After the first, a
// related one is much more likely.
func (c *Composer) choose(docs []Kept, room, n int) *Document {
	weights := make([]float64, len(c.docs))
	for i, d := range c.docs {
		if c.left[d] < n || !fits(docs, d) {
			continue
		}
		size := float64(min(c.size[d], room))
		weights[i] = float64(c.left[d]) * size
		if len(docs) > 0 && related(docs, d) {
			weights[i] *= 20
		}
	}
	if i := c.d.Weighted(weights); i >= 0 {
		return c.docs[i]
	}
	return nil
}

// fits reports whether a document can stand beside others: all are of its kind, and told apart by
// name.
func fits(docs []Kept, d *Document) bool {
	for _, k := range docs {
		if k.Document == d || k.Document.Name == d.Name || k.Document.Join != d.Join || d.Join == "" {
			return false
		}
	}
	return true
}

func related(docs []Kept, d *Document) bool {
	for _, k := range docs {
		if k.Document.Related[d.ID] || d.Related[k.Document.ID] {
			return true
		}
	}
	return false
}

// standsAlone draws whether a document whose length is within the band is a view by itself.
func (c *Composer) standsAlone(d *Document, low, high float64) bool {
	size := float64(c.size[d])
	return size >= low && size <= high && c.d.Float() < 0.75
}

// portion is the number of tokens to take of a document: all of it if it fits, with slack; of a
// larger one the room, or, of a first one, sometimes a part, so that others stand beside it.
func (c *Composer) portion(d *Document, room, index, slack int) int {
	if c.size[d] <= room+slack {
		return room + slack
	}
	if index == 0 && d.Genre == "code" && c.d.Float() < 0.3 {
		return int(float64(room) * (0.4 + 0.3*c.d.Float()))
	}
	return room
}

// keep takes whole pieces of a document up to a number of tokens: from a drawn part on, the parts
// in order, the last as far as it goes.
func (c *Composer) keep(d *Document, tokens int) Kept {
	if c.size[d] <= tokens {
		return Whole(d).Docs[0]
	}
	first := c.d.Int(len(d.Parts))
	chosen := map[*Piece]bool{}
	for i := range d.Parts {
		part := d.Parts[(first+i)%len(d.Parts)]
		taken := c.keepPart(chosen, part, tokens)
		if tokens -= taken; taken < part.Tokens() {
			break
		}
	}
	k := Kept{Document: d}
	for _, part := range d.Parts {
		for _, p := range part.Pieces {
			if chosen[p] {
				k.Pieces = append(k.Pieces, p)
			}
		}
	}
	return k
}

// keepSections takes a document whole if it has at most so many tokens; else a run of whole
// sections from a drawn one on that has at least least and at most most tokens; else, where a
// section is longer than that, a run of its pieces.
func (c *Composer) keepSections(d *Document, least, most int) Kept {
	if c.size[d] <= most {
		return Whole(d).Docs[0]
	}
	pieces, starts := d.Parts[0].Pieces, append(slices.Clip(d.Sections), len(d.Parts[0].Pieces))
	first := c.d.Int(len(d.Sections))
	for i := range d.Sections {
		from := (first + i) % len(d.Sections)
		sum, end := 0, from
		for end < len(d.Sections) {
			n := tokensOf(pieces[starts[end]:starts[end+1]])
			if sum+n > most {
				break
			}
			sum, end = sum+n, end+1
		}
		if sum >= least && sum > 0 {
			return Kept{d, pieces[starts[from]:starts[end]]}
		}
		if end == from { // the section alone is too long
			return Kept{d, c.runOf(pieces[starts[from]:starts[from+1]], most)}
		}
	}
	return Kept{Document: d}
}

// runOf are pieces that follow each other, up to a number of tokens: half of the time the first,
// else from a drawn one on that has enough behind it.
func (c *Composer) runOf(pieces []*Piece, tokens int) []*Piece {
	if c.d.Float() < 0.5 {
		return headOf(pieces, tokens)
	}
	last, left := len(pieces), tokens
	for last > 0 && pieces[last-1].Tokens <= left {
		last--
		left -= pieces[last].Tokens
	}
	return headOf(pieces[c.d.Int(last+1):], tokens)
}

// headOf are the first pieces, up to a number of tokens.
func headOf(pieces []*Piece, tokens int) []*Piece {
	for i, p := range pieces {
		if tokens -= p.Tokens; tokens < 0 {
			return pieces[:i]
		}
	}
	return pieces
}

func tokensOf(pieces []*Piece) int {
	n := 0
	for _, p := range pieces {
		n += p.Tokens
	}
	return n
}

// keepPart takes a part whole, or its first piece and a run of the others that begins at a drawn
// place. It returns the tokens taken.
func (c *Composer) keepPart(chosen map[*Piece]bool, part *Part, tokens int) int {
	start := 1
	if part.Tokens() > tokens {
		start += c.d.Int(lastStart(part, tokens))
	}
	taken := 0
	for i, p := range part.Pieces {
		if i > 0 && i < start {
			continue
		}
		if taken+p.Tokens > tokens {
			if i == 0 {
				return 0
			}
			break
		}
		chosen[p] = true
		taken += p.Tokens
	}
	if taken > 0 && taken == part.Pieces[0].Tokens && len(part.Pieces) > 1 {
		delete(chosen, part.Pieces[0]) // a head alone says nothing
		return 0
	}
	return taken
}

// lastStart is the number of pieces after the first from which on a part still fills the tokens; at
// least 1.
func lastStart(part *Part, tokens int) int {
	left := tokens - part.Pieces[0].Tokens
	i := len(part.Pieces) - 1
	for ; i > 1 && left > 0; i-- {
		left -= part.Pieces[i].Tokens
	}
	return max(i, 1)
}
