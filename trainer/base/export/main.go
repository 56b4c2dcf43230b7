// Command export turns the result of scripts/base into the files that package base embeds: the
// weights, the configuration, the list of all documents that were trained on, and the model card.
package main

import (
	"bytes"
	_ "embed" // the card
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	"longlora/internal/atomicfile"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/trainer/eval"
	"longlora/trainer/open"
	"longlora/trainer/report"
)

//go:embed card.md
var cardText string

func main() {
	run := flag.String("run", "", "output directory of trainer pretrain")
	shards := flag.String("shards", "", "shards that it read")
	perplexity := flag.String("perplexity", "", "what eval ppl --json said of the split test")
	out := flag.String("out", "", "directory of the embedded files")
	flag.Parse()
	if err := export(*run, *shards, *perplexity, *out); err != nil {
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(1)
	}
}

// card is what card.md shows.
type card struct {
	Parameters   int64
	Steps        int
	Tokens       int64
	Epochs, Loss float64
	Documents    int
	Test         eval.Perplexity
	Dataset      string
}

func export(run, shards, perplexity, out string) error {
	d, err := shard.Open(shards)
	if err != nil {
		return err
	}
	documents, err := trainedOn(d)
	if err != nil {
		return err
	}
	c, err := describe(run, d, perplexity)
	if err != nil {
		return err
	}
	c.Documents = len(documents)
	from := filepath.Join(run, "model")
	return errors.Join(
		copyFile(from, out, "config.json"), copyFile(from, out, "model.safetensors"),
		writeNotes(from, out, documents), writeCard(out, c))
}

// describe gathers the card's numbers.
func describe(run string, d *shard.Dataset, perplexity string) (card, error) {
	c := card{Dataset: d.Manifest().Digest}
	stage, err := report.ReadStage("base", run)
	if err != nil {
		return c, err
	}
	last := stage.Steps[len(stage.Steps)-1]
	c.Steps, c.Tokens = last.Step, last.Tokens
	_, epoch := d.Count("train")
	c.Epochs = float64(last.Tokens) / float64(epoch)
	tail := stage.Steps[max(0, len(stage.Steps)-50):]
	for _, s := range tail {
		c.Loss += s.Loss / float64(len(tail))
	}
	data, err := os.ReadFile(perplexity)
	if err == nil {
		err = json.Unmarshal(data, &c.Test)
	}
	if err != nil {
		return c, fmt.Errorf("perplexity %s: %w", perplexity, err)
	}
	m, err := open.Open(open.Options{Model: filepath.Join(run, "model")})
	if err != nil {
		return c, err
	}
	c.Parameters = m.Params().Count()
	return c, m.Close()
}

// trainedOn lists the documents of the split train, sorted.
func trainedOn(d *shard.Dataset) ([]string, error) {
	seen := map[string]bool{}
	for s, err := range shard.Rows[schemas.Sequence](d, "train") {
		if err != nil {
			return nil, err
		}
		for _, doc := range s.Docs {
			seen[eval.Origin(doc.SampleID)] = true
		}
	}
	var all []string
	for id := range seen {
		all = append(all, id)
	}
	slices.Sort(all)
	return all, nil
}

func copyFile(from, to, name string) error {
	data, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(to, name), data)
}

// writeNotes writes the run's longlora.json with the list of documents.
func writeNotes(from, to string, documents []string) error {
	data, err := os.ReadFile(filepath.Join(from, "longlora.json"))
	if err != nil {
		return err
	}
	var notes map[string]any
	if err := json.Unmarshal(data, &notes); err != nil {
		return fmt.Errorf("longlora.json: %w", err)
	}
	notes["documents"] = documents
	if data, err = json.MarshalIndent(notes, "", "  "); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(to, "longlora.json"), append(data, '\n'))
}

func writeCard(to string, c card) error {
	t, err := template.New("card").Parse(cardText)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, c); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(to, "README.md"), b.Bytes())
}
