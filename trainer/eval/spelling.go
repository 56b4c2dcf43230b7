package eval

import (
	"fmt"
	"sort"
	"strings"

	"longlora/internal/tokenizer"
)

// spelling is the text of some ids: id i stands for text[starts[i]:starts[i+1]]. A character that
// is cut between ids belongs to the last of them; special tokens have no text.
type spelling struct {
	text   string
	starts []int // len(ids)+1
}

func spell(tok *tokenizer.Tokenizer, ids []int32) (spelling, error) {
	var text strings.Builder
	s := spelling{starts: make([]int, 1, len(ids)+1)}
	stream := tok.NewStream(true)
	for i, id := range ids {
		part, err := stream.Push(id)
		if err != nil {
			return spelling{}, fmt.Errorf("token %d: %w", i, err)
		}
		text.WriteString(part)
		s.starts = append(s.starts, text.Len())
	}
	rest, err := stream.Flush()
	if err != nil {
		return spelling{}, err
	}
	text.WriteString(rest)
	s.starts[len(ids)] = text.Len()
	s.text = text.String()
	return s, nil
}

// token returns the index of the id that holds the byte at offset of the text.
func (s *spelling) token(offset int) int {
	return sort.SearchInts(s.starts, offset+1) - 1
}
