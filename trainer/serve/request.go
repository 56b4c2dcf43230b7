package serve

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"slices"
)

// common are the fields that both kinds of requests have.
type common struct {
	Model         string   `json:"model"`
	MaxTokens     *int     `json:"max_tokens"`
	Temperature   *float64 `json:"temperature"`
	TopP          *float64 `json:"top_p"`
	TopK          *int     `json:"top_k"`
	MinP          *float64 `json:"min_p"`
	Seed          *int64   `json:"seed"`
	Stop          texts    `json:"stop"`
	N             *int     `json:"n"`
	Stream        bool     `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`

	PresencePenalty   *float64          `json:"presence_penalty"`
	FrequencyPenalty  *float64          `json:"frequency_penalty"`
	RepetitionPenalty *float64          `json:"repetition_penalty"`
	LogitBias         map[int32]float64 `json:"logit_bias"`
	// Logprobs is a truth in chats and a number in completions.
	Logprobs json.RawMessage `json:"logprobs"`

	// What is not done, and must be absent or say nothing.
	BestOf *int    `json:"best_of"`
	Echo   bool    `json:"echo"`
	Suffix *string `json:"suffix"`
}

// texts are one text or several.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(data []byte) error {
	var one *string
	if json.Unmarshal(data, &one) == nil {
		*t = nil
		if one != nil {
			*t = texts{*one}
		}
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return err
	}
	*t = many
	return nil
}

const (
	maxStops    = 16
	maxStopSize = 1 << 10
	maxAnswers  = 16
	maxTop      = 20  // of top_logprobs
	maxBias     = 100 // of logit_bias, either way
	maxPenalty  = 2   // of presence_penalty and frequency_penalty, either way
)

// check refuses what is wrong or not done.
func (c *common) check(s *Server) error {
	penalty := func(v *float64) bool { return v == nil || math.Abs(*v) <= maxPenalty }
	n := c.answers()
	switch {
	case c.Model != "" && c.Model != s.o.Name:
		return problem{404, "model_not_found", "there is no model " + c.Model + ", only " + s.o.Name}
	case n < 1 || n > maxAnswers:
		return bad("n is %d, want 1 to %d", n, maxAnswers)
	case c.BestOf != nil && *c.BestOf != n:
		return bad("best_of is %d: answers are not ranked, want it absent or n", *c.BestOf)
	case !penalty(c.PresencePenalty) || !penalty(c.FrequencyPenalty):
		return bad("presence_penalty and frequency_penalty: want -%d to %[1]d", maxPenalty)
	case c.Echo || c.Suffix != nil && *c.Suffix != "":
		return bad("echo and suffix are not supported")
	case len(c.Stop) > maxStops:
		return bad("%d texts in stop, want at most %d", len(c.Stop), maxStops)
	case slices.ContainsFunc(c.Stop, func(s string) bool { return s == "" || len(s) > maxStopSize }):
		return bad("a text in stop is empty or longer than %d bytes", maxStopSize)
	}
	return c.checkBias(s)
}

func (c *common) checkBias(s *Server) error {
	for _, id := range slices.Sorted(maps.Keys(c.LogitBias)) {
		if b := c.LogitBias[id]; id < 0 || int(id) >= s.o.Vocab || math.Abs(b) > maxBias {
			return bad("logit_bias: %g for token %d, want -%d to %[3]d for tokens below %d", b, id, maxBias,
				s.o.Vocab)
		}
	}
	return nil
}

// answers returns n.
func (c *common) answers() int {
	if c.N == nil {
		return 1
	}
	return *c.N
}

// readLogprobs reads the field, if it is there.
func (c *common) readLogprobs(into any) error {
	if len(c.Logprobs) == 0 {
		return nil
	}
	return json.Unmarshal(c.Logprobs, into)
}

// job returns what is to be generated after a prompt.
func (c *common) job(s *Server, prompt []int32) (job, error) {
	r := job{n: c.answers(), stops: c.Stop}
	r.Prompt, r.Sinks, r.Window = prompt, s.o.Sinks, s.o.Window
	r.Temperature, r.TopP = 1, 1
	set(&r.Temperature, c.Temperature)
	set(&r.TopP, c.TopP)
	set(&r.TopK, c.TopK)
	set(&r.MinP, c.MinP)
	set(&r.Presence, c.PresencePenalty)
	set(&r.Frequency, c.FrequencyPenalty)
	set(&r.Repetition, c.RepetitionPenalty)
	r.Bias = c.LogitBias
	r.TopK = max(r.TopK, 0) // -1 is all, too
	if c.Seed != nil {
		r.Seed = uint64(*c.Seed)
	} else {
		var b [8]byte
		rand.Read(b[:]) //nolint:errcheck // never fails
		r.Seed = binary.LittleEndian.Uint64(b[:])
	}
	left := s.o.Context - len(prompt)
	if s.o.Window != 0 {
		left = s.o.Context
	}
	limit := left
	if s.o.MaxNew > 0 {
		limit = s.o.MaxNew
	}
	r.MaxNew = max(min(limit, left), 1)
	if c.MaxTokens != nil {
		r.MaxNew = *c.MaxTokens
		if s.o.MaxNew > 0 && r.MaxNew > s.o.MaxNew {
			return r, bad("max_tokens is %d, this server gives at most %d", r.MaxNew, s.o.MaxNew)
		}
	}
	return r, nil
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}
