package review

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"longlora/longqa/dice"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Row is what the page's list needs of a row.
type Row struct {
	ID       string `json:"id"`
	Task     string `json:"task"`
	Genre    string `json:"genre"`
	Source   string `json:"source"`
	Split    string `json:"split"`
	NTokens  int32  `json:"n_tokens"`
	Decision string `json:"decision"`
	Note     string `json:"note"`

	hash    string
	detail  extent // JSON of the row without its context
	context int    // index of the context
}

// extent is a part of the spool.
type extent struct{ at, length int64 }

// spool holds rows and contexts in a file that has no name any more, so that any is there at once
// and memory holds none.
type spool struct {
	file     *os.File
	size     int64
	rows     []Row
	contexts []extent
}

// Choice says which rows to show.
type Choice struct {
	Split string // "" is all
	// Sample is the number of rows of each task, drawn by Seed; 0 is all.
	Sample int
	Seed   string
}

// newSpool reads the chosen rows of a dataset.
func newSpool(ctx context.Context, d *shard.Dataset, c Choice,
	progress func(int64)) (*spool, error) {
	chosen, err := c.rows(ctx, d)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "longqa-review-")
	if err != nil {
		return nil, err
	}
	s := &spool{file: file}
	// Where an open file can lose its name it does, so that nothing stays behind after a kill.
	_ = os.Remove(file.Name())
	seen := map[[32]byte]int{}
	for e, err := range shard.Rows[schemas.Example](d, c.Split) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && (chosen == nil || chosen[e.ID]) {
			err = s.add(&e, seen)
		}
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		if progress != nil {
			progress(1)
		}
	}
	if len(s.rows) == 0 {
		return nil, errors.Join(fmt.Errorf("no row to show; the dataset has the splits %v", d.Splits()),
			s.close())
	}
	return s, nil
}

// rows draws the sample; nil means all rows.
func (c Choice) rows(ctx context.Context, d *shard.Dataset) (map[string]bool, error) {
	if c.Sample == 0 {
		return nil, nil
	}
	byTask := map[string][]string{}
	for e, err := range shard.Rows[schemas.Example](d, c.Split) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		byTask[e.Task] = append(byTask[e.Task], e.ID)
	}
	chosen := map[string]bool{}
	for task, ids := range byTask {
		for i, id := range dice.Shuffled(dice.New("review", c.Seed, task), ids) {
			if i < c.Sample {
				chosen[id] = true
			}
		}
	}
	return chosen, nil
}

func (s *spool) add(e *schemas.Example, seen map[[32]byte]int) error {
	sum := sha256.Sum256([]byte(e.Context))
	n, ok := seen[sum]
	if !ok {
		at, err := s.write([]byte(e.Context))
		if err != nil {
			return err
		}
		n, seen[sum] = len(s.contexts), len(s.contexts)
		s.contexts = append(s.contexts, at)
	}
	row := Row{
		ID: e.ID, Task: e.Task, Genre: e.Genre, Source: e.AnswerSource, Split: e.Split, NTokens: e.NTokens,
		hash: rowHash(e), context: n,
	}
	rest := *e
	rest.Context = ""
	detail, err := json.Marshal(struct {
		schemas.Example
		ContextIndex int `json:"context_index"`
	}{rest, n})
	if err == nil {
		row.detail, err = s.write(detail)
	}
	s.rows = append(s.rows, row)
	return err
}

func (s *spool) write(data []byte) (extent, error) {
	n, err := s.file.Write(data)
	e := extent{s.size, int64(n)}
	s.size += int64(n)
	return e, err
}

func (s *spool) read(e extent) ([]byte, error) {
	data := make([]byte, e.length)
	_, err := s.file.ReadAt(data, e.at)
	return data, err
}

func (s *spool) close() error {
	err := s.file.Close()
	_ = os.Remove(s.file.Name()) // where it could not go before
	return err
}
