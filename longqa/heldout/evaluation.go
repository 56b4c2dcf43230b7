package heldout

import (
	"fmt"
	"strings"

	"longlora/pipeline/decontaminate"
	"longlora/schemas"
)

// EvaluationText is the reason of what is left out because an evaluation set has text of it.
const EvaluationText = "evaluation text"

// Evaluation finds text of evaluation sets. The zero value knows none.
type Evaluation struct {
	// Index may be nil.
	Index *decontaminate.Index
	// context is the last row's, and hit what was found in it.
	context, hit string
}

// Hit says what an evaluation set has of a text; "" if none has any of it. It may be called
// concurrently.
func (v *Evaluation) Hit(text string) string {
	if v.Index == nil {
		return ""
	}
	hits := v.Index.Check(text)
	if len(hits) == 0 {
		return ""
	}
	return fmt.Sprintf("%q is in %s", hits[0].NGram, hits[0].Item)
}

// HitRow is Hit over a row that is trained on: its context, its answers, and its questions, unless
// they are derived, for those are worded alike. Rows of one context are best looked at one after
// the other.
func (v *Evaluation) HitRow(e *schemas.Example) string {
	if v.Index == nil || e.Split != Train {
		return ""
	}
	if e.Context != v.context {
		v.context, v.hit = e.Context, v.Hit(e.Context)
	}
	if v.hit != "" {
		return v.hit
	}
	var own []string
	if !strings.HasPrefix(e.AnswerSource, "derived:") {
		own = append(own, e.Instruction)
	}
	own = append(own, e.Output)
	for _, t := range e.Turns {
		own = append(own, t.Question, t.Answer)
	}
	return v.Hit(strings.Join(own, "\n\n"))
}

// Text says for a card what was compared with evaluation sets, as "documents", and dropped.
func (v *Evaluation) Text(what string) string {
	if v.Index == nil {
		return fmt.Sprintf("**Evaluation sets.** The %s were compared with no evaluation set, for none was "+
			"named (`--decontaminate`).", what)
	}
	all, short := v.Index.Items()
	return fmt.Sprintf("**Evaluation sets.** Of the %s those with %d words in a row of one of %d evaluation "+
		"items were dropped (%d items are too short to be found); `config.evaluation` in `manifest.json` "+
		"names the files.", what, decontaminate.DefaultWords, all, short)
}
