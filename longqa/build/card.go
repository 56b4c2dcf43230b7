package build

import (
	"fmt"
	"strings"

	"longlora/internal/tokenizer"
	"longlora/longqa/heldout"
	"longlora/longqa/task"
	"longlora/pipeline/card"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// shardOptions is all but the card, whose figures are known at the end.
func (b *builder) shardOptions() shard.Options {
	config := map[string]any{"stage": "longqa build", "recipe": b.Recipe, "limit": b.Limit}
	if b.hasTree() {
		config["go_version"], config["goos"] = b.Tree.Version(), b.Tree.GOOS()
		config["goarch"] = b.Tree.GOARCH()
	}
	var parents []schemas.Parent
	corpora := []map[string]any{}
	for i := range b.Recipe.Material {
		c := b.corpora[i]
		if c == nil {
			continue
		}
		corpora = append(corpora, c.Config)
		if c.Parent != nil {
			parents = append(parents, *c.Parent)
		}
	}
	config["material"] = corpora
	config["licences"] = b.Gate.Config()
	if b.Evaluation != nil {
		config["evaluation"] = b.Evaluation.Config()
	}
	return shard.Options{
		Kind: schemas.KindExample, Name: b.Recipe.Name, Overwrite: b.Overwrite, Config: config,
		Tokenizer: tokenizerRef(b.Tokenizer), TokenizerFile: b.Tokenizer.Bytes(), Parents: parents,
		Draw: card.Draw,
	}
}

// hasTree reports whether the Go tree is part of the material.
func (b *builder) hasTree() bool {
	for _, m := range b.Recipe.Material {
		if m.Source == Goroot {
			return true
		}
	}
	return false
}

// renames reports whether some of the code has new names.
func (b *builder) renames() bool {
	for _, m := range b.Recipe.Material {
		if m.Rename != "" {
			return true
		}
	}
	return false
}

const introduction = `Questions over long contexts, with answers that can be checked, made by ` +
	"`longqa build`" + ` (recipe ` + "`%s`" + `). %s

**Answers.** `

const codeAnswers = `Of code, from the tree of %s (build %s/%s): ` + "`gold:doc`" + ` answers are the
comments that Go's authors wrote for a function, type or package; the comment and its copies are
removed from the context, and an answer is rejected if it has fewer than 20 words, only restates the
name, or has a quarter of its 8-word sequences left in the context. ` + "`derived:*`" + ` answers are
computed with go/types and only kept where the context alone gives the same answer. %s

`

const asWritten = `Models have probably read the standard library before: scores on it are not evidence
of reading alone.`

const renamedCode = `Identifiers of rows with ` + "`meta.renamed`" + ` have new names, in context,
question and answer alike, so that having read the standard library does not help; the others keep the
names that models have probably read before.`

const textAnswers = `Of texts, answers are computed from positions, counts and forms that are certain
(the table of tasks in docs/longqa.md has the rule of each); planted lines (pass keys, keys and values,
numbers, variables) are the builder's own.

`

const construction = "`longqa check`" + ` computes every derived answer again from its row by other
code. Unanswerable questions ask in the same words about what the context does not have.

**Contexts** are whole documents, declarations or sections up to a budget of tokens. Of a section that
is longer than the budget a context has whole paragraphs, and its rows say in ` + "`meta.excerpt`" + ` that it
begins or ends within a section. Evidence spans count code points. Splits follow
near-duplicate clusters of documents; no document is in two splits. %s

`

const codeLicence = `**Licences.** The Go tree is BSD-3-Clause (Copyright The Go Authors; keep the notice
when you pass the texts on); *Opticks* is in the public domain. Tests, testdata code, vendored and
generated files are left out.

`

func (b *builder) card() shard.Card {
	var t strings.Builder
	fmt.Fprintf(&t, introduction, b.Recipe.Name, b.Recipe.About)
	if b.hasTree() {
		about := asWritten
		if b.renames() {
			about = renamedCode
		}
		fmt.Fprintf(&t, codeAnswers, b.Tree.Version(), b.Tree.GOOS(), b.Tree.GOARCH(), about)
	}
	if !b.hasTree() || len(b.corpora) > 0 || b.plants() {
		t.WriteString(textAnswers)
	}
	fmt.Fprintf(&t, construction, b.cleanText())
	if b.hasTree() {
		t.WriteString(codeLicence)
	}
	if b.ClosedBook != nil {
		t.WriteString(b.ClosedBook.Text())
	}
	t.WriteString("## Figures\n\n" + b.figures.Table())
	return shard.Card{
		Title: b.title(), Text: t.String(), Languages: b.languages(),
		Tags: []string{"question-answering", "long-context"},
	}
}

// cleanText says what the material was compared with.
func (b *builder) cleanText() string {
	sets := heldout.Evaluation{Index: b.Evaluation}
	return fmt.Sprintf("No context for training has 13 words in a row of one of the %d questions of "+
		"validation and test, or of its answer (%d were left out).\n\n%s", b.guard.Questions(), b.leaked,
		sets.Text("documents"))
}

func (b *builder) title() string {
	if b.hasTree() && len(b.corpora) == 0 {
		return "LongQA from the Go tree"
	}
	return "LongQA: " + b.Recipe.Name
}

// plants reports whether some task plants lines.
func (b *builder) plants() bool {
	for _, name := range sortedKeys(b.Recipe.Shares) {
		if task.Planting(name) && b.Recipe.Shares[name] > 0 {
			return true
		}
	}
	return false
}

// languages are those of the material, as far as it is known before it is read.
func (b *builder) languages() []string {
	seen := map[string]bool{"en": b.hasTree()}
	for _, c := range b.corpora {
		for _, l := range append(c.Languages, c.Language) {
			if l != "" && l != "und" {
				seen[l] = true
			}
		}
	}
	var all []string
	for _, l := range sortedKeys(seen) {
		if seen[l] {
			all = append(all, l)
		}
	}
	return all
}

func tokenizerRef(t *tokenizer.Tokenizer) *schemas.TokenizerRef {
	return &schemas.TokenizerRef{Name: t.Name(), Digest: t.Digest(), VocabSize: t.VocabSize()}
}
