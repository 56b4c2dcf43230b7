package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// template is what the post-processor puts before and after a single sequence.
type template struct{ before, after []int32 }

// templateJSON is one element of TemplateProcessing's "single".
type templateJSON struct {
	Sequence     *struct{ ID string } `json:"Sequence"`
	SpecialToken *struct{ ID string } `json:"SpecialToken"`
}

func (s *spec) readPost(c *fileJSON) error {
	stages, err := readStages("post_processor", c.PostProcessor)
	if err != nil {
		return err
	}
	for _, st := range stages {
		t, err := readPostStage(st)
		if err != nil {
			return fmt.Errorf("post_processor: %s: %w", st.Type, err)
		}
		s.post.before = slices.Concat(t.before, s.post.before)
		s.post.after = slices.Concat(s.post.after, t.after)
	}
	for _, id := range slices.Concat(s.post.before, s.post.after) {
		if id < 0 || id >= maxTokens {
			return fmt.Errorf("post_processor: id %d is outside 0..%d", id, maxTokens-1)
		}
	}
	return nil
}

func readPostStage(st stage) (t template, err error) {
	switch st.Type {
	case "ByteLevel": // it trims offsets; ours keep the spaces that a token stands for
		return t, nil
	case "TemplateProcessing":
		return readTemplate(st)
	case "BertProcessing", "RobertaProcessing":
		return readClassifier(st)
	}
	return t, errors.New("the type is not supported")
}

// readClassifier reads the two tokens that go around a text, each a pair of its content and id.
func readClassifier(st stage) (t template, err error) {
	read := func(raw json.RawMessage) (ids []int32) {
		var pair []json.RawMessage
		var id int32
		if err != nil {
			return nil
		}
		if err = json.Unmarshal(raw, &pair); err == nil && len(pair) != 2 {
			err = fmt.Errorf("%d parts, want 2", len(pair))
		}
		if err == nil {
			err = json.Unmarshal(pair[1], &id)
		}
		return []int32{id}
	}
	t.before, t.after = read(st.Cls), read(st.Sep)
	return t, err
}

func readTemplate(st stage) (t template, err error) {
	var special map[string]struct {
		IDs []int32 `json:"ids"`
	}
	if len(st.SpecialTokens) > 0 {
		if err := json.Unmarshal(st.SpecialTokens, &special); err != nil {
			return t, fmt.Errorf("special_tokens: %w", err)
		}
	}
	sequences := 0
	for _, e := range st.Single {
		switch {
		case e.Sequence != nil:
			if sequences++; e.Sequence.ID != "A" {
				return t, fmt.Errorf("single has the sequence %q", e.Sequence.ID)
			}
		case e.SpecialToken != nil:
			tok, ok := special[e.SpecialToken.ID]
			if !ok {
				return t, fmt.Errorf("%q is not among special_tokens", e.SpecialToken.ID)
			}
			if sequences > 0 {
				t.after = append(t.after, tok.IDs...)
			} else {
				t.before = append(t.before, tok.IDs...)
			}
		}
	}
	if sequences != 1 {
		return t, fmt.Errorf("single has the sequence %d times", sequences)
	}
	return t, nil
}
