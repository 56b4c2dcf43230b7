package filter

import (
	"fmt"

	"longlora/schemas"
)

// length bounds the number of characters.
type length struct{ least, most int64 }

func newLength(o Options) Filter { return length{o.MinChars, o.MaxChars} }

func (f length) Check(d *schemas.Document) (reason, detail string) {
	switch {
	case d.NChars < f.least:
		return "too short", fmt.Sprintf("%d characters, at least %d wanted", d.NChars, f.least)
	case f.most > 0 && d.NChars > f.most:
		return "too long", fmt.Sprintf("%d characters, at most %d wanted", d.NChars, f.most)
	}
	return "", ""
}
