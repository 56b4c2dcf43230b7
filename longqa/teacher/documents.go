package teacher

import (
	"context"
	"iter"
	"strings"

	"longlora/internal/tokenizer"
	"longlora/longqa/corpus"
	"longlora/longqa/material"
)

// Documents are documents to ask about: each whole, or, where it is longer than MaxTokens, in runs
// of whole pieces. Two that follow each other make one more context to compare them, if both fit.
type Documents struct {
	Corpus    *corpus.Corpus
	Tokenizer *tokenizer.Tokenizer
	MaxTokens int
	// Pairs makes the contexts of two documents.
	Pairs bool
}

// Contexts yields the contexts in the documents' order. reject gets the documents that give none.
func (d Documents) Contexts(ctx context.Context,
	reject func(id, reason, detail string)) iter.Seq2[*Context, error] {
	return func(yield func(*Context, error) bool) {
		var before *Context
		for it, err := range d.Corpus.Items(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			if it.Reason != "" {
				reject(it.DocID, it.Reason, it.Detail)
				continue
			}
			all := d.of(&it)
			for _, c := range all {
				if !yield(c, nil) {
					return
				}
			}
			if len(all) != 1 || !d.Pairs {
				continue
			}
			if pair := d.pair(before, all[0]); pair == nil {
				before = all[0]
			} else if before = nil; !yield(pair, nil) {
				return
			}
		}
	}
}

// of makes the contexts of a document.
func (d Documents) of(it *corpus.Item) []*Context {
	doc := d.Corpus.Parse(&it.Document).Document
	encoder := d.Tokenizer.NewEncoder()
	var ids []int32
	base := Context{
		DocIDs: []string{it.DocID}, Genre: doc.Genre, Licence: it.Licence, Split: it.Split,
	}
	if it.Title != "" {
		base.Titles = []string{it.Title}
	}
	if base.Split == "" {
		base.Split = "train"
	}
	var all []*Context
	var run []*material.Piece
	tokens := 0
	flush := func() {
		if len(run) == 0 {
			return
		}
		c := base
		c.Text = material.NewView(doc.ID, []material.Kept{{Document: doc, Pieces: run}}).Render(nil).Text
		ids = encoder.Encode(ids[:0], c.Text, false)
		c.NTokens = int32(len(ids))
		all, run, tokens = append(all, &c), nil, 0
	}
	for _, part := range doc.Parts {
		for _, p := range part.Pieces {
			ids = encoder.Encode(ids[:0], p.Text(), false)
			if tokens+len(ids) > d.MaxTokens {
				flush()
			}
			run, tokens = append(run, p), tokens+len(ids)
		}
	}
	flush()
	return all
}

// pair puts two contexts of one genre and split together; nil if they do not go together.
func (d Documents) pair(a, b *Context) *Context {
	if a == nil || a.Genre != b.Genre || a.Split != b.Split ||
		int(a.NTokens+b.NTokens) > d.MaxTokens {
		return nil
	}
	c := &Context{
		DocIDs: append(append([]string{}, a.DocIDs...), b.DocIDs...), Genre: a.Genre, Split: a.Split,
		Titles: append(append([]string{}, a.Titles...), b.Titles...), Licence: a.Licence,
		Text: a.Text + "\n" + b.Text,
	}
	if b.Licence != a.Licence {
		c.Licence = "(" + a.Licence + ") AND (" + b.Licence + ")"
		if !strings.Contains(a.Licence+b.Licence, " ") {
			c.Licence = a.Licence + " AND " + b.Licence
		}
	}
	c.NTokens = int32(len(d.Tokenizer.Encode(nil, c.Text, false)))
	return c
}
