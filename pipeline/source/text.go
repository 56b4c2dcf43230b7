package source

import (
	"context"
	"fmt"

	"longlora/pipeline/charset"
)

func openText(ctx context.Context, o Options) (Source, error) {
	extract, err := decoder(o)
	if err != nil {
		return nil, err
	}
	return openExtract("text", "", extract)(ctx, o)
}

// decoder takes text of the character set of the options as it is, without its byte order mark.
func decoder(o Options) (func(context.Context, []byte, *Item) error, error) {
	c, err := charset.Find(o.Encoding)
	return func(_ context.Context, data []byte, it *Item) error {
		text, err := c.Decode(data)
		if it.Text = text; err != nil {
			it.Reason, it.Detail = charset.Reason, err.Error()
		}
		return nil
	}, err
}

func tooLarge(size int64) string {
	return fmt.Sprintf("%d bytes, at most %d are read", size, int64(MaxDocument))
}
