package build

import (
	"fmt"

	"longlora/longqa/figures"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// shardOptions is all but the card, whose figures are known at the end.
func (b *builder) shardOptions() shard.Options {
	return shard.Options{
		Kind: schemas.KindExample, Name: b.Recipe.Name, Overwrite: b.Overwrite,
		Config: map[string]any{
			"stage": "longqa build", "source": "goroot", "recipe": b.Recipe, "limit": b.Limit,
			"go_version": b.Tree.Version(), "goos": b.Tree.GOOS(), "goarch": b.Tree.GOARCH(),
		},
		Tokenizer:     tokenizerRef(b.Tokenizer),
		TokenizerFile: b.Tokenizer.Bytes(),
	}
}

const cardText = `Questions over long contexts, with answers that can be checked, made from the
tree of %s (build %s/%s) by ` + "`longqa build`" + `: no download, no model, no human annotation.

**What it is.** English, and mostly code: the contexts are Go packages of the standard library and
of the Go commands, as single packages and several together, and the tree's long texts (the language
specification, manuals, Newton's *Opticks*). Books, papers, reports and meetings come through other
sources (` + "`--source qmsum`, `--source squality`" + `). Models have probably read the standard
library before: scores on it are not evidence of reading alone.

**Answers.** ` + "`gold:doc`" + ` answers are the comments that Go's authors wrote for a function,
type or package; the comment and its copies are removed from the context, and an answer is rejected
if it has fewer than 20 words, only restates the name, or has a quarter of its 8-word sequences left
in the context. ` + "`derived:*`" + ` answers are computed with go/types and only kept where the
context alone gives the same answer; ` + "`longqa check`" + ` computes every one of them again from
its row by other code. Unanswerable questions ask in the same words about what the context does not
have.

**Contexts** are whole declarations and sections up to a budget of tokens, never cut inside.
Evidence spans count code points. Splits follow near-duplicate clusters of documents; no document is
in two splits. Tests, testdata code, vendored and generated files are left out.

**Licences.** The Go tree is BSD-3-Clause (Copyright The Go Authors; keep the notice when you pass
the texts on); *Opticks* is in the public domain.

## Figures

%s`

func (b *builder) card() shard.Card {
	return shard.Card{
		Title: "LongQA from the Go tree",
		Text: fmt.Sprintf(cardText, b.Tree.Version(), b.Tree.GOOS(), b.Tree.GOARCH(),
			b.figures.Table()),
		Languages: []string{"en"},
		Tags:      []string{"question-answering", "long-context", "code"},
	}
}

const goldCardText = `%s

Made by ` + "`longqa build --source %s`" + ` from the published files: questions, answers and
evidence are the publisher's; its splits are kept. Where the publisher names no evidence, the whole
material is.

## Figures

%s`

func goldCard(name, about string, f *figures.Figures) shard.Card {
	return shard.Card{
		Title: "LongQA from " + name, Text: fmt.Sprintf(goldCardText, about, name, f.Table()),
		Languages: []string{"en"}, Tags: []string{"question-answering", "long-context"},
	}
}
