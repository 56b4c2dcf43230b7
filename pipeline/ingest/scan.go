package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"longlora/pipeline/clean"
	"longlora/pipeline/decontaminate"
	"longlora/pipeline/dedup"
	"longlora/pipeline/filter"
	"longlora/pipeline/licence"
	"longlora/pipeline/pool"
	"longlora/pipeline/source"
	"longlora/pipeline/spill"
	"longlora/pipeline/split"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// scanned is what scanning leaves behind.
type scanned struct {
	scratch string
	entries []int // documents of each unit that scanning keeps
	first   []int // number of each unit's first document
	inputs  int64 // documents and inputs that are none
	// passages and lines are what repeated ones are found by; nil if they are not looked for.
	passages, lines *spill.Sorter
	counts
}

// counts is what scanning counts. Those of units add up.
type counts struct {
	cleaned      map[string]changed // by cleaner
	hits         int64              // passages of evaluation sets
	contaminated int64              // documents with hits
	within       map[string]int64   // parts of inputs that were left out, by reason
}

// changed is what a cleaner did.
type changed struct {
	Documents int64 `json:"documents"`
	Places    int64 `json:"places"`
}

func (c *counts) add(o counts) {
	c.hits += o.hits
	for reason, n := range o.within {
		if c.within == nil {
			c.within = map[string]int64{}
		}
		c.within[reason] += n
	}
	c.contaminated += o.contaminated
	for name, n := range o.cleaned {
		if c.cleaned == nil {
			c.cleaned = map[string]changed{}
		}
		m := c.cleaned[name]
		c.cleaned[name] = changed{m.Documents + n.Documents, m.Places + n.Places}
	}
}

// inputReasons takes parts of inputs off the reasons of all that was rejected.
func (c *counts) inputReasons(all map[string]int64) map[string]int64 {
	inputs := map[string]int64{}
	for reason, n := range all {
		if n -= c.within[reason]; n > 0 {
			inputs[reason] = n
		}
	}
	return inputs
}

// numbered is a unit with its place in source order.
type numbered struct {
	source.Unit
	number int
}

// scan reads all units.
func scan(ctx context.Context, o Options, b *shard.Builder, scratch string) (*scanned, error) {
	s := &scanned{scratch: scratch}
	if o.Passages.Words > 0 {
		s.passages = spill.NewSorter(scratch, "passages", o.SortMemory)
	}
	if o.RepeatedLines > 0 {
		s.lines = spill.NewSorter(scratch, "lines", o.SortMemory)
	}
	cleaners, err := clean.New(o.Cleaners, o.Masks)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	var mu sync.Mutex
	units := func(yield func(numbered, error) bool) {
		n := 0
		for unit, err := range o.Source.Units(ctx) {
			mu.Lock()
			s.entries = append(s.entries, 0)
			mu.Unlock()
			if !yield(numbered{unit, n}, err) || err != nil {
				return
			}
			n++
		}
	}
	err = pool.Each(ctx, o.Workers, units, func() func(context.Context, numbered) error {
		return func(ctx context.Context, u numbered) error {
			w := &unitScanner{o: o, b: b, s: s, cleaners: cleaners, number: u.number}
			err := w.run(ctx, u)
			mu.Lock()
			defer mu.Unlock()
			if w.spill != nil {
				s.entries[u.number] = w.spill.entries
			}
			s.inputs += w.inputs
			s.counts.add(w.counts)
			return err
		}
	})
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	n := 0
	for _, entries := range s.entries {
		s.first = append(s.first, n)
		n += entries
	}
	return s, nil
}

// unitScanner reads, cleans and filters one unit.
type unitScanner struct {
	o        Options
	b        *shard.Builder
	s        *scanned
	cleaners *clean.Chain
	filters  *filter.Chain
	number   int
	spill    *unitSpill
	hits     *json.Encoder
	records  []spill.Record
	inputs   int64
	counts
}

func (w *unitScanner) run(ctx context.Context, unit numbered) (err error) {
	if w.filters, err = filter.New(w.o.Filters, w.o.Filter); err != nil {
		return err
	}
	if w.spill, err = newSpill(w.s.scratch, w.number); err != nil {
		return err
	}
	hits, err := os.Create(hitsName(w.s.scratch, w.number))
	if err != nil {
		return errors.Join(err, w.spill.close())
	}
	buffer := bufio.NewWriter(hits)
	w.hits = json.NewEncoder(buffer)
	w.hits.SetEscapeHTML(false)
	for item, failed := range w.o.Source.Read(ctx, unit.Unit) {
		if err = failed; err != nil {
			break
		}
		if item.Within {
			w.counts.add(counts{within: map[string]int64{item.Reason: 1}})
		} else {
			w.inputs++
		}
		if err = w.item(item); err != nil {
			break
		}
	}
	if w.o.Progress != nil && err == nil {
		w.o.Progress(unit.Bytes)
	}
	return errors.Join(err, buffer.Flush(), hits.Close(), w.spill.close())
}

// item judges one input.
func (w *unitScanner) item(item source.Item) error {
	d := scannedDocument{item.Document, item.Reason, item.Detail}
	if d.Reason == "" {
		w.judge(&d)
	}
	if d.Reason == "" && w.o.Evaluation != nil {
		if err := w.decontaminate(&d); err != nil {
			return err
		}
	}
	if d.Reason != "" {
		w.b.Reject(d.DocID, d.Reason, d.Detail)
		if d.Text == "" || d.Reason == licence.Reason || w.o.NoDropped {
			return nil
		}
		return w.spill.drop(&d)
	}
	return w.keep(&d)
}

// judge cleans a document and runs gate and filters on it.
func (w *unitScanner) judge(d *scannedDocument) {
	if w.o.Licences != nil {
		if problem := w.o.Licences.Check(d.Licence); problem != "" {
			d.Reason, d.Detail = licence.Reason, problem
			return
		}
	}
	text, changes := w.cleaners.Apply(d.Text)
	d.Reason, d.Detail = w.filters.ApplyTo(&d.Document, text)
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		setMeta(&d.Document, "cleaned", fmt.Sprintf("%s:%d", name, changes[name]))
		w.counts.add(counts{cleaned: map[string]changed{name: {1, int64(changes[name])}}})
	}
}

// setMeta adds a word to an entry of a document's metadata.
func setMeta(d *schemas.Document, key, word string) {
	m := maps.Clone(d.Meta) // the source may share it
	if m == nil {
		m = map[string]string{}
	}
	m[key] = strings.TrimSpace(m[key] + " " + word)
	d.Meta = m
}

// hit is a line of reject/contamination.jsonl.
type hit struct {
	ID string `json:"id"`
	decontaminate.Hit
	Action decontaminate.Policy `json:"action"`
}

// decontaminate looks for text of evaluation sets.
func (w *unitScanner) decontaminate(d *scannedDocument) error {
	hits := w.o.Evaluation.Check(d.Text)
	if len(hits) == 0 {
		return nil
	}
	policy := w.o.Evaluation.Policy()
	w.counts.hits += int64(len(hits))
	w.contaminated++
	for _, h := range hits {
		if err := w.hits.Encode(hit{d.DocID, h, policy}); err != nil {
			return err
		}
	}
	switch policy {
	case decontaminate.Drop:
		d.Reason = "evaluation text: " + string(hits[0].Part)
		d.Detail = fmt.Sprintf("%d words of %s at byte %d", hits[0].Words, hits[0].Item, hits[0].Start)
	case decontaminate.Mask:
		d.Text = decontaminate.MaskHits(d.Text, hits)
		d.Seal()
		setMeta(&d.Document, "masked_evaluation", fmt.Sprint(len(hits)))
	}
	return nil
}

// keep puts a document into the unit's spill, and what it repeats by into the sorters.
func (w *unitScanner) keep(d *scannedDocument) error {
	var sketch split.Sketch
	var signature split.Signature
	if w.o.Split == "" || w.o.findsNear() {
		sketch, signature = split.Sketches(d.Text)
	}
	doc := uint64(w.number)<<32 | uint64(w.spill.entries)
	if w.s.passages != nil {
		w.records = w.o.Passages.Fingerprints(doc, d.Text, w.records[:0])
		if err := w.s.passages.Add(w.records...); err != nil {
			return err
		}
	}
	if w.s.lines != nil {
		w.records = dedup.LineRecords(doc, d.Source, d.Text, w.records[:0])
		if err := w.s.lines.Add(w.records...); err != nil {
			return err
		}
	}
	return w.spill.add(d, &sketch, &signature)
}

// findsNear reports whether near-duplicates are dropped.
func (o Options) findsNear() bool { return o.Near > 0 && !o.KeepDuplicates }

func hitsName(scratch string, unit int) string {
	return filepath.Join(scratch, fmt.Sprintf("%d.hits", unit))
}

// report says in the manifest what was cleaned and found, and lists the hits in source order.
func (s *scanned) report(o Options, b *shard.Builder) error {
	if len(s.cleaned) > 0 {
		b.Report("cleaned", s.cleaned)
	}
	if o.Evaluation == nil {
		return nil
	}
	all, short := o.Evaluation.Items()
	b.Report("contamination", map[string]int64{
		"evaluation_items": all, "evaluation_items_too_short": short, "hits": s.hits,
		"documents": s.contaminated,
	})
	return b.AddLines("contamination.jsonl", func(w io.Writer) error {
		for unit := range s.entries {
			f, err := os.Open(hitsName(s.scratch, unit))
			if err != nil {
				return err
			}
			_, err = io.Copy(w, f)
			if err = errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
		return nil
	})
}
