package teacher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"

	"longlora/schemas"
	"longlora/schemas/shard"
)

// Context is material to ask about.
type Context struct {
	DocIDs  []string
	Titles  []string
	Genre   string
	Licence string
	Split   string
	NTokens int32
	Text    string
}

// id names a context by its text.
func (c *Context) id() string {
	sum := sha256.Sum256([]byte(c.Text))
	return hex.EncodeToString(sum[:8])
}

// Over fills in what asking about the contexts of a dataset of examples needs: the contexts, the
// dataset's tokenizer, and the dataset as a parent.
func (o *Options) Over(ctx context.Context, d *shard.Dataset) (err error) {
	m := d.Manifest()
	o.Dataset.Parents = []schemas.Parent{{Name: m.Name, Digest: m.Digest}}
	if m.Tokenizer != nil {
		o.Dataset.Tokenizer = m.Tokenizer
		o.Dataset.TokenizerFile, err = d.TokenizerFile(ctx)
	}
	o.Contexts = func(func(id, reason, detail string)) iter.Seq2[*Context, error] {
		return ContextsOf(ctx, d)
	}
	return err
}

// ContextsOf yields the contexts of a dataset of examples, each once, in the dataset's order: rows
// about one follow each other.
func ContextsOf(ctx context.Context, d *shard.Dataset) iter.Seq2[*Context, error] {
	return func(yield func(*Context, error) bool) {
		if k := d.Manifest().Kind; k != schemas.KindExample {
			yield(nil, fmt.Errorf("%s holds rows of kind %s, not %s; make contexts with longqa build",
				d.Dir(), k, schemas.KindExample))
			return
		}
		seen := map[[32]byte]bool{}
		for e, err := range shard.Rows[schemas.Example](d, "") {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			sum := sha256.Sum256([]byte(e.Context))
			if e.Context == "" || seen[sum] {
				continue
			}
			seen[sum] = true
			c := &Context{
				DocIDs: e.DocIDs, Genre: e.Genre, Licence: e.Licence, Split: e.Split, NTokens: e.NTokens,
				Text: e.Context,
			}
			if title := e.Meta["title"]; title != "" {
				c.Titles = []string{title}
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}
