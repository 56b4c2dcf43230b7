package source

import (
	"bytes"
	"context"
	"fmt"
	"unicode/utf8"
)

func openText(ctx context.Context, o Options) (Source, error) {
	return openExtract("text", "", []string{".txt", ".md"}, extractText)(ctx, o)
}

// extractText takes UTF-8 as it is, without its byte order mark.
func extractText(_ context.Context, data []byte, it *Item) error {
	if at := invalidUTF8(data); at >= 0 {
		it.Reason, it.Detail = ReasonInvalidUTF8, fmt.Sprintf("byte %#02x at %d", data[at], at)
		return nil
	}
	it.Text = string(bytes.TrimPrefix(data, []byte("\ufeff")))
	return nil
}

func tooLarge(size int64) string {
	return fmt.Sprintf("%d bytes, at most %d are read", size, int64(MaxDocument))
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
