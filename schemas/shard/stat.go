package shard

import (
	"encoding/json"
	"fmt"
	"io"

	"longlora/schemas"
)

// Stat sums a dataset up.
type Stat struct {
	Kind          schemas.Kind          `json:"kind"`
	Name          string                `json:"name"`
	Digest        string                `json:"digest"`
	Files         int                   `json:"files"`
	Rows          int64                 `json:"rows"`
	Tokens        int64                 `json:"tokens"`
	Bytes         int64                 `json:"bytes"`
	BytesPerToken float64               `json:"bytes_per_token,omitempty"`
	Splits        map[string]SplitStat  `json:"splits"`
	Mixture       []schemas.MixturePart `json:"mixture"`
	Rejected      map[string]int64      `json:"rejected"`
	Tokenizer     *schemas.TokenizerRef `json:"tokenizer,omitempty"`
	Report        map[string]any        `json:"report,omitempty"`
}

// SplitStat sums one split up.
type SplitStat struct {
	Files  int   `json:"files"`
	Rows   int64 `json:"rows"`
	Tokens int64 `json:"tokens"`
	Bytes  int64 `json:"bytes"`
}

// Stat reads only the manifest.
func (d *Dataset) Stat() Stat {
	m := d.manifest
	s := Stat{
		Kind: m.Kind, Name: m.Name, Digest: m.Digest, Files: len(m.Files), Tokenizer: m.Tokenizer,
		Splits: map[string]SplitStat{}, Mixture: m.Mixture, Rejected: m.Rejected, Report: m.Report,
	}
	if s.Rejected == nil {
		s.Rejected = map[string]int64{}
	}
	for _, f := range m.Files {
		s.Rows, s.Tokens, s.Bytes = s.Rows+f.Rows, s.Tokens+f.Tokens, s.Bytes+f.Bytes
		p := s.Splits[f.Split]
		p.Files, p.Rows, p.Tokens, p.Bytes = p.Files+1, p.Rows+f.Rows, p.Tokens+f.Tokens, p.Bytes+f.Bytes
		s.Splits[f.Split] = p
	}
	if m.Kind == schemas.KindSequence && s.Tokens > 0 {
		s.BytesPerToken = float64(s.Bytes) / float64(s.Tokens)
	}
	return s
}

// WriteJSONL writes a split's rows, all columns, as one JSON object a line; limit 0 means all rows.
func WriteJSONL(w io.Writer, d *Dataset, split string, limit int64) error {
	switch d.manifest.Kind {
	case schemas.KindDocument:
		return writeJSONL[schemas.Document](w, d, split, limit)
	case schemas.KindExample:
		return writeJSONL[schemas.Example](w, d, split, limit)
	case schemas.KindSequence:
		return writeJSONL[schemas.Sequence](w, d, split, limit)
	}
	return fmt.Errorf("unknown kind %q", d.manifest.Kind)
}

func writeJSONL[T Row](w io.Writer, d *Dataset, split string, limit int64) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	n := int64(0)
	for row, err := range Rows[T](d, split) {
		if err != nil {
			return err
		}
		if err := e.Encode(row); err != nil {
			return err
		}
		if n++; n == limit {
			break
		}
	}
	return nil
}
