package report

// Summary is what summary.json holds.
type Summary struct {
	FarCopy    FarCopySummary `json:"far_copy_nll"`
	Perplexity []PositionRow  `json:"perplexity_by_position"`
	// Answers is there if held-out answers were scored.
	Answers *AnswerRow  `json:"answer_perplexity,omitempty"`
	PassKey []RecallRow `json:"passkey"`
	Stages  []StageRow  `json:"stages"`
	Seconds float64     `json:"seconds"`
	Passed  bool        `json:"passed"`
}

// FarCopySummary holds the mean losses on far identifiers, in nats.
type FarCopySummary struct {
	Window512    float64 `json:"window512"`
	Interpolated float64 `json:"interpolated"`
	Finetuned    float64 `json:"finetuned"`
	// CI95 are the 95 % intervals of a baseline's loss less the fine-tuned model's, paired over
	// sequences: the model is better beyond the interval where both ends are positive.
	CI95      Intervals `json:"ci95"`
	Sequences int       `json:"sequences"`
	Targets   int       `json:"targets"`
}

// Intervals has one interval for each baseline.
type Intervals struct {
	Window512    [2]float64 `json:"window512"`
	Interpolated [2]float64 `json:"interpolated"`
}

// PositionRow holds the perplexities at positions [From, To). Base is the base in its sliding
// window.
type PositionRow struct {
	From         int     `json:"from"`
	To           int     `json:"to"`
	Base         float64 `json:"base"`
	Interpolated float64 `json:"interpolated"`
	Finetuned    float64 `json:"finetuned"`
}

// AnswerRow holds the perplexities of held-out answers before and after they were taught.
type AnswerRow struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	Tokens int64   `json:"tokens"`
}

// RecallRow is the pass-key accuracy at one length.
type RecallRow struct {
	Tokens   int     `json:"tokens"`
	Trials   int     `json:"trials"`
	Accuracy float64 `json:"accuracy"`
}

// StageRow sums a training run up.
type StageRow struct {
	Name            string  `json:"name"`
	Steps           int     `json:"steps"`
	Tokens          int64   `json:"tokens"`
	TokensPerSecond float64 `json:"tokens_per_second"`
	FirstLoss       float64 `json:"first_loss"` // see Stage.Ends
	LastLoss        float64 `json:"last_loss"`
}

// Summary returns what summary.json holds. The report must be valid.
func (r *Report) Summary() Summary {
	y, d := r.FarCopy.Systems, r.FarCopy.Differences
	s := Summary{
		FarCopy: FarCopySummary{
			Window512: y[window].NLL, Interpolated: y[interpolated].NLL, Finetuned: y[finetuned].NLL,
			CI95:      Intervals{Window512: d[window].CI95, Interpolated: d[interpolated].CI95},
			Sequences: r.FarCopy.Sequences, Targets: r.FarCopy.Targets,
		},
		Seconds: r.Seconds, Passed: r.FarCopy.Passed, PassKey: []RecallRow{},
	}
	for i, b := range y[finetuned].All.Buckets {
		s.Perplexity = append(s.Perplexity, PositionRow{
			From: b.From, To: b.To, Base: perplexity(y[window].All.Buckets[i]),
			Interpolated: perplexity(y[interpolated].All.Buckets[i]), Finetuned: perplexity(b),
		})
	}
	if r.After.Tokens > 0 {
		s.Answers = &AnswerRow{r.Before.Perplexity, r.After.Perplexity, r.After.Tokens}
	}
	for _, k := range r.PassKey {
		s.PassKey = append(s.PassKey, RecallRow{k.Tokens, k.Trials, k.Accuracy})
	}
	for _, g := range r.Stages {
		first, last := g.Ends()
		s.Stages = append(s.Stages, StageRow{
			Name: g.Name, Steps: len(g.Steps), Tokens: g.Steps[len(g.Steps)-1].Tokens,
			TokensPerSecond: g.Rate(), FirstLoss: first, LastLoss: last,
		})
	}
	return s
}
