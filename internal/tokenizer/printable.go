package tokenizer

import "strings"

// GPT-2 writes bytes as printable characters: those that print stand for themselves, the others
// follow from U+0100 on (Radford et al. 2019, bytes_to_unicode).
func isPrintable(b byte) bool {
	return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE
}

var toRune, toByte = func() (to [256]rune, from map[rune]byte) {
	from = make(map[rune]byte, 256)
	next := rune(256)
	for b := range 256 {
		to[b] = rune(b)
		if !isPrintable(byte(b)) {
			to[b] = next
			next++
		}
		from[to[b]] = byte(b)
	}
	return to, from
}()

func toPrintable(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		b.WriteRune(toRune[raw[i]])
	}
	return b.String()
}

// fromPrintable undoes toPrintable; ok is false if a character stands for no byte.
func fromPrintable(written string) (raw string, ok bool) {
	out := make([]byte, 0, len(written))
	for _, r := range written {
		b, ok := toByte[r]
		if !ok {
			return "", false
		}
		out = append(out, b)
	}
	return string(out), true
}
