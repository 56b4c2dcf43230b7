package build

import (
	"longlora/schemas"
	"longlora/schemas/shard"
)

// shardOptions is all but the card's figures, which are known at the end.
func (b *builder) shardOptions() shard.Options {
	return shard.Options{
		Kind: schemas.KindExample, Name: b.Recipe.Name, Overwrite: b.Overwrite,
		Config: map[string]any{
			"recipe": b.Recipe, "limit": b.Limit, "go_version": b.Tree.Version(),
			"goos": b.Tree.GOOS(), "goarch": b.Tree.GOARCH(),
		},
		Tokenizer: &schemas.TokenizerRef{
			Name: b.Tokenizer.Name(), Digest: b.Tokenizer.Digest(), VocabSize: b.Tokenizer.VocabSize(),
		},
		TokenizerFile: b.Tokenizer.Bytes(),
		Card:          shard.Card{Title: "LongQA"},
	}
}
