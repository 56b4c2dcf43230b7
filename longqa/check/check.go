package check

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"longlora/internal/tokenizer"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Report says what was found.
type Report struct {
	Rows int64
	// Agreed are the derived rows whose answers came out the same, by rule; Gold the rows with a
	// person's answer, by source, that keep the rules.
	Agreed, Gold map[string]int64
	Faults       []Fault // by row id
}

// Fault is a row that is wrong.
type Fault struct{ ID, Source, Problem string }

// Run checks every row of a dataset. A nil tokenizer leaves token counts unchecked.
func Run(ctx context.Context, d *shard.Dataset, t *tokenizer.Tokenizer,
	progress func(int64)) (*Report, error) {
	if k := d.Manifest().Kind; k != schemas.KindExample {
		return nil, fmt.Errorf("check %s: it holds rows of kind %s, not %s", d.Dir(), k,
			schemas.KindExample)
	}
	total := &Report{Agreed: map[string]int64{}, Gold: map[string]int64{}}
	var mu sync.Mutex
	var failed error
	jobs := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for file := range jobs {
				r, err := checkFile(ctx, d, file, t, progress)
				mu.Lock()
				failed = errors.Join(failed, err)
				total.add(r)
				mu.Unlock()
			}
		})
	}
	for i := range d.Manifest().Files {
		jobs <- i
	}
	close(jobs)
	workers.Wait()
	sort.Slice(total.Faults, func(i, j int) bool { return total.Faults[i].ID < total.Faults[j].ID })
	return total, failed
}

func (r *Report) add(o *Report) {
	r.Rows += o.Rows
	for k, n := range o.Agreed {
		r.Agreed[k] += n
	}
	for k, n := range o.Gold {
		r.Gold[k] += n
	}
	r.Faults = append(r.Faults, o.Faults...)
}

func checkFile(ctx context.Context, d *shard.Dataset, number int, t *tokenizer.Tokenizer,
	progress func(int64)) (*Report, error) {
	r := &Report{Agreed: map[string]int64{}, Gold: map[string]int64{}}
	c := &checker{tokenizer: t}
	ids := map[string]bool{}
	for row, err := range shard.FileRows[schemas.Example](d, number) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return r, fmt.Errorf("check: %w", err)
		}
		r.Rows++
		err = c.row(&row)
		if err == nil && ids[row.ID] {
			err = errors.New("another row has its id")
		}
		ids[row.ID] = true
		if err != nil {
			r.Faults = append(r.Faults, Fault{row.ID, row.AnswerSource, err.Error()})
		} else if rule, ok := strings.CutPrefix(row.AnswerSource, "derived:"); ok {
			r.Agreed[rule]++
		} else {
			r.Gold[row.AnswerSource]++
		}
		if progress != nil {
			progress(1)
		}
	}
	return r, nil
}

// checker keeps what rows that follow each other share: their context.
type checker struct {
	tokenizer *tokenizer.Tokenizer
	context   string
	chars     int64
	tokens    int32
	code      *code // parsed when first asked for
	grams     map[string]bool
	thin      *dense         // the context without spaces
	count     map[string]int // of its words
}

// rules compute a derived answer again; each returns an error that says what disagrees.
var rules = map[string]func(*checker, *schemas.Example) error{
	"callers":      (*checker).callers,
	"chain":        (*checker).chain,
	"implementers": (*checker).implementers,
	"methods":      (*checker).methods,
	"declaration":  (*checker).declaration,
	"constant":     (*checker).constant,
	"errors":       (*checker).errors,
	"comparison":   (*checker).comparison,
	"ordering":     (*checker).ordering,
	"section":      (*checker).section,
	"parameters":   (*checker).parameters,
	"unanswerable": (*checker).unanswerable,
	"passages":     (*checker).passages,
	"origin":       (*checker).origin,
	"words":        (*checker).words,
	"speaker":      (*checker).speaker,
	"citation":     (*checker).citation,
	"table":        (*checker).table,
	"passkey":      (*checker).passKey,
	"keyvalue":     (*checker).keyValue,
	"needles":      (*checker).needles,
	"variables":    (*checker).variables,
}

func (c *checker) row(e *schemas.Example) error {
	c.load(e.Context)
	if err := c.basics(e); err != nil {
		return err
	}
	if name, ok := strings.CutPrefix(e.AnswerSource, "derived:"); ok {
		rule := rules[name]
		if rule == nil {
			return fmt.Errorf("no rule computes answers of %s", e.AnswerSource)
		}
		return rule(c, e)
	}
	if e.AnswerSource == "gold:doc" {
		return c.goldDoc(e)
	}
	return nil
}

// load takes a context up unless it is the last one.
func (c *checker) load(text string) {
	if text == c.context && c.chars > 0 {
		return
	}
	c.context, c.chars = text, int64(utf8.RuneCountInString(text))
	c.code, c.grams, c.thin, c.count, c.tokens = nil, nil, nil, nil, -1
	if c.tokenizer != nil {
		c.tokens = int32(len(c.tokenizer.Encode(nil, text, false)))
	}
}

// basics are what every row must keep.
func (c *checker) basics(e *schemas.Example) error {
	switch {
	case e.ID == "" || e.Licence == "" || len(e.DocIDs) == 0 || e.Genre == "" || e.Task == "":
		return errors.New("id, licence, doc_ids, genre or task is missing")
	case strings.TrimSpace(e.Instruction) == "" || strings.TrimSpace(e.Output) == "":
		return errors.New("the question or the answer is empty")
	case e.Split != "train" && e.Split != "validation" && e.Split != "test":
		return fmt.Errorf("split %q", e.Split)
	case c.tokenizer != nil && e.NTokens != c.tokens:
		return fmt.Errorf("n_tokens is %d, the context has %d", e.NTokens, c.tokens)
	case len(e.Evidence) == 0 && e.Context != "" && e.Meta["unanswerable"] == "":
		return errors.New("there is no evidence, and the row is not unanswerable")
	}
	end := int64(0)
	for i, s := range e.Evidence {
		if s.Start < 0 || s.End <= s.Start || s.End > c.chars || s.Start < end && s.End < end {
			return fmt.Errorf("evidence %d is [%d, %d) in %d characters, or out of order", i, s.Start, s.End,
				c.chars)
		}
		if strings.TrimSpace(c.slice(s)) == "" {
			return fmt.Errorf("evidence %d is blank", i)
		}
		end = s.End
	}
	return nil
}

// slice is the context's text at a span.
func (c *checker) slice(s schemas.Span) string {
	if int(c.chars) == len(c.context) {
		return c.context[s.Start:s.End]
	}
	at, from := int64(0), -1
	for i := range c.context {
		if at == s.Start {
			from = i
		}
		if at == s.End {
			return c.context[from:i]
		}
		at++
	}
	return c.context[from:]
}

// evidenceHas requires a text within some evidence.
func (c *checker) evidenceHas(e *schemas.Example, text string) error {
	for _, s := range e.Evidence {
		if strings.Contains(c.slice(s), text) {
			return nil
		}
	}
	return fmt.Errorf("no evidence shows %q", text)
}

// terms are the texts in backticks, in order.
func terms(text string) []string {
	parts := strings.Split(text, "`")
	var all []string
	for i := 1; i < len(parts); i += 2 {
		all = append(all, parts[i])
	}
	return all
}

// without leaves some terms out.
func without(all []string, out ...string) []string {
	var rest []string
	for _, a := range all {
		drop := false
		for _, o := range out {
			drop = drop || a == o
		}
		if !drop {
			rest = append(rest, a)
		}
	}
	return rest
}

// same requires that an answer names just what was computed, in that order.
func same(got, want []string) error {
	if len(got) != len(want) {
		return fmt.Errorf("the answer names %q, computed %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			return fmt.Errorf("the answer names %q, computed %q", got, want)
		}
	}
	return nil
}
