package score

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"longlora/longqa/endpoint"
)

//go:embed judge.md
var judgePrompt string

// Judge returns a function that has a model grade predictions, from 1 to 5 as 0 to 1.
func Judge(c *endpoint.Client, model string, seed *int64,
	jsonMode bool) func(context.Context, *Item, string) (float64, error) {
	system, user, _ := strings.Cut(judgePrompt, "\n---\n")
	zero := 0.0
	return func(ctx context.Context, it *Item, prediction string) (float64, error) {
		filled := strings.NewReplacer("{question}", it.Question, "{reference}",
			strings.Join(it.Answers, "\n"), "{prediction}", prediction).Replace(strings.TrimSpace(user))
		reply, err := c.Do(ctx, endpoint.Request{
			Model: model,
			Messages: []endpoint.Message{
				{Role: "system", Content: strings.TrimSpace(system)}, {Role: "user", Content: filled},
			},
			Settings: endpoint.Settings{Temperature: &zero, MaxTokens: 512, Seed: seed, JSON: jsonMode},
		})
		if err != nil {
			return 0, err
		}
		var said struct {
			Score float64 `json:"score"`
		}
		text := reply.Text
		from, to := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
		if from < 0 || to < from || json.Unmarshal([]byte(text[from:to+1]), &said) != nil ||
			said.Score < 1 || said.Score > 5 {
			return 0, fmt.Errorf("the judge's reply is no grade: %.120q", text)
		}
		return (said.Score - 1) / 4, nil
	}
}
