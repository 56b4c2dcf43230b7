package suite

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"longlora/trainer/eval"
	"longlora/trainer/retrieval"
	"longlora/trainer/rope"
)

// Version is raised when a reader of the old form would go wrong.
const Version = 1

// The names of the files that Write makes.
const (
	ResultName  = "suite.json"
	PageName    = "suite.html"
	SamplesName = "samples.jsonl"
)

// Model says what was measured.
type Model struct {
	Name    string    `json:"name"`
	Adapter string    `json:"adapter,omitempty"`
	Context int       `json:"context"`
	RoPE    rope.Kind `json:"rope"`
	Factor  float64   `json:"rope_factor"`
	// Original is the context before any extension.
	Original int `json:"original_context"`
	// Window is that of a model that does not see all; 0: it does.
	Window int `json:"window,omitempty"`
}

// Suite is the result. What was not measured is nil.
type Suite struct {
	Version    int               `json:"version"`
	Model      Model             `json:"model"`
	Retrieval  *retrieval.Result `json:"retrieval,omitempty"`
	Perplexity *eval.Perplexity  `json:"perplexity,omitempty"`
	ByContext  []ContextLoss     `json:"by_context,omitempty"`
	Short      *eval.ShortResult `json:"short,omitempty"`
	// PassKey is the published test.
	PassKey []eval.Recall            `json:"passkey_upstream,omitempty"`
	Shards  map[string]ShardIdentity `json:"shards,omitempty"`
}

// ContextLoss is the loss of documents that are read in pieces of Context tokens.
type ContextLoss struct {
	Context int     `json:"context"`
	NLL     float64 `json:"nll"`
	Tokens  int64   `json:"tokens"`
}

// ShardIdentity names the data of a measurement.
type ShardIdentity struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	Split  string `json:"split"`
}

// Write writes the JSON and the page into a directory, which it makes.
func (s *Suite) Write(dir string) error {
	s.Version = Version
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	page, err := s.Page()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, ResultName), append(data, '\n'), 0o666),
		os.WriteFile(filepath.Join(dir, PageName), page, 0o666),
	)
}
