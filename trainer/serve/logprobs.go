package serve

import (
	"strings"
	"unicode/utf8"

	"longlora/trainer/generate"
)

// word returns a token's text as it reads inside a text: some tokenizers drop a space at its begin.
func (s *Server) word(id int32) string {
	if s.before != nil {
		both, err := s.o.Tokenizer.Decode(append(s.before[:1:1], id), false)
		if text, ok := strings.CutPrefix(both, "a"); ok && err == nil {
			return text
		}
	}
	text, err := s.o.Tokenizer.Decode([]int32{id}, false)
	if err != nil {
		return ""
	}
	return text
}

// findBefore finds a token that reads "a".
func (s *Server) findBefore() []int32 {
	ids := s.o.Tokenizer.Encode(nil, "a", false)
	if text, err := s.o.Tokenizer.Decode(ids, false); err != nil || text != "a" || len(ids) != 1 {
		return nil
	}
	return ids
}

// bytesOf returns a token's bytes as the API writes them; nil if it is but a part of a character.
func bytesOf(text string) []int {
	if strings.ContainsRune(text, utf8.RuneError) {
		return nil
	}
	out := make([]int, len(text))
	for i := range text {
		out[i] = int(text[i])
	}
	return out
}

func described(text string, logprob float64) map[string]any {
	return map[string]any{"token": text, "logprob": logprob, "bytes": bytesOf(text)}
}

// chatLogprobs are those of chat completions.
func (s *Server) chatLogprobs(tokens []token) map[string]any {
	content := []any{}
	for _, t := range tokens {
		top := []any{}
		for _, r := range t.top {
			top = append(top, described(s.word(r.ID), r.Logprob))
		}
		entry := described(t.text, t.logprob)
		entry["top_logprobs"] = top
		content = append(content, entry)
	}
	return map[string]any{"content": content, "refusal": nil}
}

// textLogprobs are those of completions.
func (s *Server) textLogprobs(tokens []token) map[string]any {
	texts, logprobs, top, offsets := []string{}, []float64{}, []any{}, []int{}
	for _, t := range tokens {
		texts, logprobs, offsets = append(texts, t.text), append(logprobs, t.logprob), append(offsets, t.from)
		top = append(top, s.ranked(t.top))
	}
	return map[string]any{"tokens": texts, "token_logprobs": logprobs, "top_logprobs": top,
		"text_offset": offsets}
}

// ranked returns tokens by their texts; of equal ones the most probable.
func (s *Server) ranked(top []generate.Ranked) map[string]float64 {
	out := map[string]float64{}
	for _, r := range top {
		if text := s.word(r.ID); out[text] == 0 {
			out[text] = r.Logprob
		}
	}
	return out
}
