package tokenizer

// IsSpecial reports whether an id is that of a special token, which stands for no text.
func (t *Tokenizer) IsSpecial(id int32) bool {
	return id >= 0 && int(id) < len(t.skipped) && t.skipped[id]
}
