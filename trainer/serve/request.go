package serve

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"slices"

	"longlora/trainer/decode"
)

// common are the fields that both kinds of requests have.
type common struct {
	Model         string   `json:"model"`
	MaxTokens     *int     `json:"max_tokens"`
	Temperature   *float64 `json:"temperature"`
	TopP          *float64 `json:"top_p"`
	TopK          *int     `json:"top_k"`
	Seed          *uint64  `json:"seed"`
	Stop          texts    `json:"stop"`
	N             *int     `json:"n"`
	Stream        bool     `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`

	// What is not done, and must be absent or say nothing.
	PresencePenalty  *float64                   `json:"presence_penalty"`
	FrequencyPenalty *float64                   `json:"frequency_penalty"`
	LogitBias        map[string]json.RawMessage `json:"logit_bias"`
	Logprobs         json.RawMessage            `json:"logprobs"`
	BestOf           *int                       `json:"best_of"`
	Echo             bool                       `json:"echo"`
	Suffix           *string                    `json:"suffix"`
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
)

// check refuses what is wrong or not done.
func (c *common) check(s *Server) error {
	zero := func(v *float64) bool { return v == nil || *v == 0 }
	one := func(v *int) bool { return v == nil || *v == 1 }
	logprobs := string(c.Logprobs)
	switch {
	case c.Model != "" && c.Model != s.o.Name:
		return problem{404, "model_not_found", "there is no model " + c.Model + ", only " + s.o.Name}
	case !one(c.N) || !one(c.BestOf):
		return bad("n and best_of are supported as 1 alone")
	case !zero(c.PresencePenalty) || !zero(c.FrequencyPenalty):
		return bad("presence_penalty and frequency_penalty are not supported")
	case len(c.LogitBias) > 0:
		return bad("logit_bias is not supported")
	case logprobs != "" && logprobs != "null" && logprobs != "false" && logprobs != "0":
		return bad("logprobs are not supported")
	case c.Echo || c.Suffix != nil && *c.Suffix != "":
		return bad("echo and suffix are not supported")
	case len(c.Stop) > maxStops:
		return bad("%d texts in stop, want at most %d", len(c.Stop), maxStops)
	case slices.ContainsFunc(c.Stop, func(s string) bool { return s == "" || len(s) > maxStopSize }):
		return bad("a text in stop is empty or longer than %d bytes", maxStopSize)
	}
	return nil
}

// job returns what is to be generated after a prompt.
func (c *common) job(s *Server, prompt []int32) (decode.Request, error) {
	r := decode.Request{Prompt: prompt, Sinks: s.o.Sinks, Window: s.o.Window}
	r.Temperature, r.TopP = 1, 1
	set(&r.Temperature, c.Temperature)
	set(&r.TopP, c.TopP)
	set(&r.TopK, c.TopK)
	if c.Seed != nil {
		r.Seed = *c.Seed
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
