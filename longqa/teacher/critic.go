package teacher

import (
	"context"
	"fmt"
	"strings"

	"longlora/longqa/endpoint"
	"longlora/schemas"
)

// verdict is what the critic said: the row's Meta, or why there is no row.
type verdict struct {
	json    string
	problem *badReply
}

// judge has the critic score a row against its passages.
func (w *work) judge(ctx context.Context, it item, spans []schemas.Span) (verdict, error) {
	if w.runes == nil {
		w.runes = []rune(w.c.Text)
	}
	var questions, answers []string
	for _, p := range it.pairs() {
		questions = append(questions, strings.TrimSpace(p.Question))
		answers = append(answers, strings.TrimSpace(p.Answer))
	}
	zero := 0.0
	r := endpoint.Request{
		Model: w.recipe.Critic.Model,
		Messages: []endpoint.Message{
			{Role: "system", Content: w.Teacher.critic[0]},
			{Role: "user", Content: fill(w.Teacher.critic[1], map[string]string{
				"question": numbered(questions), "answer": numbered(answers),
				"passages": passages(w.runes, spans),
			})},
		},
		Settings: endpoint.Settings{
			Temperature: &zero, MaxTokens: 512, Seed: w.recipe.Settings.Seed, JSON: w.recipe.Settings.JSON,
		},
	}
	reply, err := w.call(ctx, r)
	if err != nil {
		return verdict{}, err
	}
	var said struct {
		Supported *bool   `json:"supported"`
		Score     float64 `json:"score"`
		Reason    string  `json:"reason"`
	}
	if err := read(reply, &said); err != nil {
		return verdict{problem: &badReply{"critic-reply-malformed", err.Error()}}, nil
	}
	if said.Supported == nil || said.Score < 1 || said.Score > 5 {
		return verdict{problem: &badReply{"critic-reply-malformed",
			fmt.Sprintf("%.120q", reply.Text)}}, nil
	}
	if !*said.Supported || said.Score < float64(w.recipe.Critic.MinScore) {
		return verdict{problem: &badReply{"critic-score-too-low",
			fmt.Sprintf("%g, supported %v: %.200s", said.Score, *said.Supported, said.Reason)}}, nil
	}
	return verdict{json: mustJSON(map[string]any{
		"model": reply.Model, "score": said.Score, "reason": said.Reason, "call": r.Key(),
	})}, nil
}

// numbered lists several texts; one stands alone.
func numbered(all []string) string {
	if len(all) == 1 {
		return all[0]
	}
	var b strings.Builder
	for i, s := range all {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s)
	}
	return strings.TrimSpace(b.String())
}
