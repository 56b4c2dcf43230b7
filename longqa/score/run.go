package score

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"longlora/longqa/dice"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Item is a question with what it accepts.
type Item struct {
	ID, Group        string
	Question         string
	Answers, Classes []string
	Metrics          []string
	// FirstLine: only a prediction's first line counts.
	FirstLine bool
}

// Options says what to score.
type Options struct {
	// Metrics replace those that suit a row; none means those.
	Metrics []string
	Scorer  *Scorer
	// Judge scores from 0 to 1 by a model; nil leaves it out.
	Judge func(ctx context.Context, it *Item, prediction string) (float64, error)
}

// Scored are the scores of one prediction by metric.
type Scored struct {
	ID     string             `json:"id"`
	Group  string             `json:"group"`
	Scores map[string]float64 `json:"scores"`
}

// Report sums up.
type Report struct {
	// Model is the model that the predictions name, if they do.
	Model string   `json:"model,omitempty"`
	Rows  []Scored `json:"-"`
	// Missing are questions without a prediction, Unknown predictions without a question.
	Missing int `json:"missing"`
	Unknown int `json:"unknown"`
	// Groups are means by group, "all" among them, and metric.
	Groups map[string]map[string]Mean `json:"groups"`
}

// Mean is a mean over n scores.
type Mean struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
}

// prediction is a line of a file: ours, with id and prediction, or LongBench's, with pred and
// answers.
type prediction struct {
	ID         string   `json:"id"`
	LongID     string   `json:"_id"`
	Prediction *string  `json:"prediction"`
	Pred       *string  `json:"pred"`
	Answers    []string `json:"answers"`
	Classes    []string `json:"all_classes"`
	Dataset    string   `json:"dataset"`
	Model      string   `json:"model"`
}

func (p *prediction) text() (string, bool) {
	switch {
	case p.Prediction != nil:
		return *p.Prediction, true
	case p.Pred != nil:
		return *p.Pred, true
	}
	return "", false
}

// said are a file's texts by id, and the model that it names first. Where they carry their
// answers they are items themselves, of the group that dataset or the file's name gives.
type said struct {
	texts map[string]string
	items []Item
	model string
}

// readPredictions reads JSON lines.
func readPredictions(path string) (*said, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := &said{texts: map[string]string{}}
	group := strings.SplitN(filepath.Base(path), ".", 2)[0]
	in := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if perr := all.add(line, n, group); perr != nil {
				return nil, fmt.Errorf("%s line %d: %w", path, n, perr)
			}
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// add takes the line with a number, from 1.
func (all *said) add(line []byte, n int, group string) error {
	var p prediction
	if err := json.Unmarshal(line, &p); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	text, ok := p.text()
	if !ok {
		return errors.New("no field prediction or pred")
	}
	if p.ID == "" {
		p.ID = p.LongID
	}
	if p.ID == "" && len(p.Answers) == 0 {
		return errors.New("no field id, nor answers")
	}
	if p.ID == "" {
		p.ID = fmt.Sprint("line ", n)
	}
	if _, twice := all.texts[p.ID]; twice {
		return fmt.Errorf("a second prediction for %s", p.ID)
	}
	all.texts[p.ID] = text
	if all.model == "" {
		all.model = p.Model
	}
	if len(p.Answers) > 0 {
		if p.Dataset == "" {
			p.Dataset = group
		}
		all.items = append(all.items, itemOf(p.ID, "", p.Dataset, p.Dataset, p.Answers, p.Classes))
	}
	return nil
}

// itemOf chooses the metrics: LongBench's for its tasks, else by the kind of task.
func itemOf(id, question, group, dataset string, answers, classes []string) Item {
	it := Item{
		ID: id, Question: question, Group: group, Answers: answers, Classes: classes,
		FirstLine: firstLine[dataset],
	}
	switch m, ok := longBench[strings.TrimSuffix(dataset, "_e")]; {
	case ok:
		it.Metrics = []string{m}
	case group == "choice":
		it.Metrics = []string{"choice"}
	case group == "passkey", group == "keyvalue", group == "needles":
		it.Metrics = []string{"passkey", "exact", "f1"}
	default:
		it.Metrics = []string{"exact", "f1", "rouge-l"}
	}
	return it
}

// Items reads the questions of a dataset's split, with all accepted answers.
func Items(ctx context.Context, d *shard.Dataset, split string) ([]Item, error) {
	var items []Item
	for e, err := range shard.Rows[schemas.Example](d, split) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		answers, classes := []string{e.Output}, []string(nil)
		for key, to := range map[string]*[]string{"answers": &answers, "classes": &classes} {
			if text := e.Meta[key]; text != "" {
				if err := json.Unmarshal([]byte(text), to); err != nil {
					return nil, fmt.Errorf("row %s: meta.%s is no list of texts: %w", e.ID, key, err)
				}
			}
		}
		dataset := ""
		if e.AnswerSource == "gold:longbench" {
			dataset = e.Meta["dataset"]
		}
		group := e.Task
		if dataset != "" {
			group = dataset
		}
		items = append(items, itemOf(e.ID, e.Instruction, group, dataset, answers, classes))
	}
	return items, nil
}

// Run scores a file of predictions. items are the dataset's questions; nil takes those that the
// file carries.
func Run(ctx context.Context, path string, items []Item, o Options) (*Report, error) {
	own, err := readPredictions(path)
	if err != nil {
		return nil, err
	}
	if items == nil {
		if items = own.items; len(items) == 0 {
			return nil, fmt.Errorf("%s: its lines carry no answers; name the dataset with --dataset", path)
		}
	}
	r := &Report{Model: own.model, Groups: map[string]map[string]Mean{}}
	known := 0
	for i := range items {
		it := &items[i]
		text, ok := own.texts[it.ID]
		if !ok {
			r.Missing++
			continue
		}
		known++
		s, err := o.item(ctx, it, text)
		if err != nil {
			return nil, err
		}
		r.Rows = append(r.Rows, s)
	}
	r.Unknown = len(own.texts) - known
	if known == 0 {
		return nil, fmt.Errorf("%s: none of its %d ids is a row of the dataset", path, len(own.texts))
	}
	r.sum()
	return r, nil
}

// item scores one prediction.
func (o Options) item(ctx context.Context, it *Item, text string) (Scored, error) {
	s := Scored{ID: it.ID, Group: it.Group, Scores: map[string]float64{}}
	if it.FirstLine {
		text, _, _ = strings.Cut(strings.TrimLeft(text, "\n"), "\n")
	}
	names := it.Metrics
	if len(o.Metrics) > 0 {
		names = o.Metrics
	}
	for _, name := range names {
		m, err := Find(name)
		if err != nil {
			return s, err
		}
		if m.Chinese && o.Scorer.Words == nil {
			return s, fmt.Errorf("%s needs Chinese words: name the folder of the Python package jieba with "+
				"--jieba", name)
		}
		s.Scores[name] = o.Scorer.Score(m, text, it.Answers, it.Classes)
	}
	if o.Judge != nil {
		score, err := o.Judge(ctx, it, text)
		if err != nil {
			return s, fmt.Errorf("judge %s: %w", it.ID, err)
		}
		s.Scores["judge"] = score
	}
	return s, nil
}

// sum takes the means.
func (r *Report) sum() {
	for _, s := range r.Rows {
		for _, group := range []string{s.Group, "all"} {
			if r.Groups[group] == nil {
				r.Groups[group] = map[string]Mean{}
			}
			for name, score := range s.Scores {
				m := r.Groups[group][name]
				m.Mean += score
				m.N++
				r.Groups[group][name] = m
			}
		}
	}
	for _, group := range r.Groups {
		for name, m := range group {
			m.Mean /= float64(m.N)
			group[name] = m
		}
	}
}

// Table writes the means in percent, "all" last.
func (r *Report) Table() string {
	columns := map[string]bool{}
	for name := range r.Groups["all"] {
		columns[name] = true
	}
	names := slices.Sorted(maps.Keys(columns))
	var b strings.Builder
	b.WriteString("| group | rows |")
	for _, n := range names {
		b.WriteString(" " + n + " |")
	}
	b.WriteString("\n|---|---:|" + strings.Repeat("---:|", len(names)) + "\n")
	groups := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Groups)),
		func(g string) bool { return g == "all" })
	for _, g := range append(groups, "all") {
		most := 0
		for _, m := range r.Groups[g] {
			most = max(most, m.N)
		}
		fmt.Fprintf(&b, "| %s | %d |", g, most)
		for _, n := range names {
			if m, ok := r.Groups[g][n]; ok {
				fmt.Fprintf(&b, " %.2f |", 100*m.Mean)
			} else {
				b.WriteString(" – |")
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d questions without a prediction, %d predictions without a question", r.Missing,
		r.Unknown)
	b.WriteString("\n")
	return b.String()
}

// Difference compares two reports over the rows that both have: how much better open is than
// closed, with a 95 % interval by drawing rows with replacement.
type Difference struct {
	Metric string  `json:"metric"`
	N      int     `json:"n"`
	Open   float64 `json:"open"`
	Closed float64 `json:"closed"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// draws is the number of bootstrap samples.
const draws = 2000

// Compare returns the differences by metric.
func Compare(open, closed *Report) []Difference {
	before := map[string]map[string]float64{}
	for _, s := range closed.Rows {
		before[s.ID] = s.Scores
	}
	pairs := map[string][][2]float64{}
	for _, s := range open.Rows {
		for name, score := range s.Scores {
			if c, ok := before[s.ID][name]; ok {
				pairs[name] = append(pairs[name], [2]float64{score, c})
			}
		}
	}
	var all []Difference
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		all = append(all, difference(name, pairs[name]))
	}
	return all
}

func difference(name string, pairs [][2]float64) Difference {
	d := Difference{Metric: name, N: len(pairs)}
	for _, p := range pairs {
		d.Open, d.Closed = d.Open+p[0]/float64(d.N), d.Closed+p[1]/float64(d.N)
	}
	die := dice.New("bootstrap", name, fmt.Sprint(d.N))
	means := make([]float64, draws)
	for i := range means {
		for range pairs {
			p := pairs[die.Int(len(pairs))]
			means[i] += (p[0] - p[1]) / float64(d.N)
		}
	}
	slices.Sort(means)
	at := func(q float64) float64 { return means[int(math.Round(q*float64(draws-1)))] }
	d.Low, d.High = at(0.025), at(0.975)
	return d
}
