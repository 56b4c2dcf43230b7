package tokenizer

import (
	"encoding/json"
	"fmt"

	sugarme "github.com/sugarme/tokenizer"
)

// template is what the post-processor puts before and after a single sequence.
type template struct{ before, after []int32 }

// templateJSON is one element of TemplateProcessing's "single".
type templateJSON struct {
	Sequence     *struct{}            `json:"Sequence"`
	SpecialToken *struct{ ID string } `json:"SpecialToken"`
}

func (s *spec) readPost(c *sugarme.Config) error {
	root, ok, err := readStage("post_processor", c.PostProcessor)
	if err != nil || !ok {
		return err
	}
	for _, p := range root.flatten() {
		switch p.Type {
		case "ByteLevel":
			s.split.trim = isTrue(p.TrimOffsets, true)
		case "TemplateProcessing":
			if s.post, err = readTemplate(p); err != nil {
				return fmt.Errorf("post_processor: %w", err)
			}
		default:
			return fmt.Errorf("post_processor: type %q is not supported", p.Type)
		}
	}
	return nil
}

func readTemplate(p stage) (template, error) {
	var special map[string]struct {
		IDs []int32 `json:"ids"`
	}
	if len(p.SpecialTokens) > 0 {
		if err := json.Unmarshal(p.SpecialTokens, &special); err != nil {
			return template{}, fmt.Errorf("special_tokens: %w", err)
		}
	}
	var t template
	seen := false
	for _, e := range p.Single {
		switch {
		case e.Sequence != nil:
			seen = true
		case e.SpecialToken != nil:
			tok, ok := special[e.SpecialToken.ID]
			if !ok {
				return template{}, fmt.Errorf("%q is not among special_tokens", e.SpecialToken.ID)
			}
			if seen {
				t.after = append(t.after, tok.IDs...)
			} else {
				t.before = append(t.before, tok.IDs...)
			}
		}
	}
	return t, nil
}
