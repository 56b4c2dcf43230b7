package teacher

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"longlora/longqa/endpoint"
	"longlora/longqa/faketeacher"
	"longlora/longqa/figures"
	"longlora/longqa/heldout"
	"longlora/longqa/material"
	"longlora/pipeline/decontaminate"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

func recipe(url string) Recipe {
	return Recipe{
		Options: endpoint.Options{URL: url, Retries: 1, Concurrency: 3}, Model: "m", Questions: 2,
		Critic: Critic{MinScore: 4},
	}
}

func newTeacher(t *testing.T, r Recipe, folder string, known bool) *Teacher {
	t.Helper()
	c, err := endpoint.Open(folder, r.Options, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // tests close some before
	teacher, err := New(r, c, known)
	if err != nil {
		t.Fatal(err)
	}
	return teacher
}

// someContexts are books of one genre and another, with text that differs.
func someContexts(n int) func(func(id, reason, detail string)) iter.Seq2[*Context, error] {
	return func(func(string, string, string)) iter.Seq2[*Context, error] {
		return func(yield func(*Context, error) bool) {
			for i := range n {
				var b strings.Builder
				for k := range 40 {
					fmt.Fprintf(&b, "The %d. keeper of house %d “walked”\n  past the old well at dawn.\n", k, i)
				}
				c := &Context{
					DocIDs: []string{fmt.Sprint("d", i)}, Genre: []string{"book", "paper", "text"}[i%3],
					Licence: "CC0-1.0", Split: "train", NTokens: 600, Text: b.String(),
				}
				if i%4 == 3 {
					c.DocIDs = append(c.DocIDs, "other")
				}
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}

func options(t *testing.T, n int) Options {
	return Options{
		Out:      filepath.Join(t.TempDir(), "out"),
		Dataset:  shard.Options{Kind: schemas.KindExample, Name: "taught"},
		Contexts: someContexts(n), Figures: figures.New([]material.Band{{From: 0, To: 1000}}, 0.25),
		MaxRejected: limit.Share(0.99),
	}
}

func rowsOf(t *testing.T, dir string) []schemas.Example {
	t.Helper()
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []schemas.Example
	for e, err := range shard.Rows[schemas.Example](d, "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// Rows quote, carry their call, and come out the same with any number of calls at one time.
func TestRun(t *testing.T) {
	s := faketeacher.New(t)
	digests := map[string]bool{}
	for _, n := range []int{1, 5} {
		r := recipe(s.URL)
		r.Concurrency = n
		o := options(t, 9)
		result, err := newTeacher(t, r, t.TempDir(), false).Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		digests[result.Manifest.Digest] = true
		rows := rowsOf(t, o.Out)
		if len(rows) < 20 || o.Figures.Rows != len(rows) || result.Contexts != 9 {
			t.Fatalf("%d rows over %d contexts", len(rows), result.Contexts)
		}
		conversations := 0
		for _, e := range rows {
			if len(e.Evidence) == 0 || e.AnswerSource != "teacher:m" || e.Licence != "CC0-1.0" {
				t.Errorf("row %s: %d evidence, %s", e.ID, len(e.Evidence), e.AnswerSource)
			}
			quote := string([]rune(e.Context)[e.Evidence[0].Start:e.Evidence[0].End])
			if !strings.HasSuffix(strings.TrimSpace(quote), "“walked”") &&
				!strings.HasSuffix(quote, "well at dawn.") {
				t.Errorf("evidence %q", quote)
			}
			if call, ok := Call(&e); !ok || !strings.Contains(call.Messages[1].Content, e.Context) {
				t.Errorf("row %s does not give its call back", e.ID)
			}
			if !strings.Contains(e.Meta[MetaCritic], `"score":5`) ||
				strings.Contains(e.Meta[MetaMessages], e.Context[:40]) {
				t.Errorf("meta %v", e.Meta)
			}
			conversations += len(e.Turns)
		}
		if conversations == 0 {
			t.Error("no row has several turns")
		}
	}
	if len(digests) != 1 {
		t.Errorf("digests %v", digests)
	}
}

// Each fault of a reply is counted by its reason, and the other rows are kept.
func TestRejects(t *testing.T) {
	item := func(q, a, e string) string {
		return fmt.Sprintf(`{"question":%q,"answer":%q,"evidence":[%q]}`, q, a, e)
	}
	good := item("Who walked?", "The keeper.", "The 3. keeper of house 0 \"walked\" past")
	wrap := func(items ...string) string { return `{"items":[` + strings.Join(items, ",") + `]}` }
	for _, c := range []struct {
		name, reply string
		want        map[string]int64
		rows        int
	}{
		{"good", wrap(good), map[string]int64{}, 1},
		{"one text as evidence", strings.Replace(strings.Replace(wrap(good), `["The`, `"The`, 1),
			`past"]`, `past"`, 1), map[string]int64{}, 1},
		{"thinking", "<think>{no}</think>\nSure! " + wrap(good) + " Done.", map[string]int64{}, 1},
		{"unsupported", wrap(good, item("Why did he go away?", "He left.",
			"He left for good that night.")),
			map[string]int64{"evidence-not-in-context": 1}, 1},
		{"short quotation", wrap(item("Who?", "He.", "keeper")),
			map[string]int64{"evidence-not-in-context": 1}, 0},
		{"no evidence", wrap(`{"question":"Who?","answer":"He."}`), map[string]int64{"no-evidence": 1},
			0},
		{"empty", wrap(item("", "x", "y")), map[string]int64{"empty-question-or-answer": 1}, 0},
		{"echo", wrap(item("Who?", "who?", "y")), map[string]int64{"answer-repeats-question": 1}, 0},
		{"twice", wrap(good, strings.Replace(good, "Who walked?", "who walked", 1)),
			map[string]int64{"repeated-question": 1}, 1},
		{"refusal", "I'm sorry, but I can't help with that.", map[string]int64{reasonRefused: 1}, 0},
		{"nonsense", "bla bla", map[string]int64{reasonMalformed: 1}, 0},
		{"wrong form", `{"answers": []}`, map[string]int64{reasonMalformed: 1}, 0},
		{"half", `{"items":[{"question":"Wh`, map[string]int64{reasonMalformed: 1}, 0},
	} {
		s := faketeacher.New(t)
		s.Behave = func(w http.ResponseWriter, _ *http.Request, call *faketeacher.Call) bool {
			if call.Material() == "" {
				return false
			}
			s.Reply(w, call, c.reply)
			return true
		}
		r := recipe(s.URL)
		r.Types, r.PerContext = map[string]float64{"any-detail": 1}, 1
		var out *Outcome
		for o, err := range newTeacher(t, r, t.TempDir(), false).All(t.Context(), someContexts(1)(nil)) {
			if err != nil {
				t.Fatal(err)
			}
			out = o
		}
		got := map[string]int64{}
		for _, rejected := range out.Rejects {
			got[rejected.Reason]++
		}
		if d := cmp.Diff(c.want, got); d != "" || len(out.Rows) != c.rows {
			t.Errorf("%s: %d rows, want %d; rejects (-want +got):\n%s%v", c.name, len(out.Rows), c.rows, d,
				out.Rejects)
		}
	}
}

// A reply that is no JSON is asked for again, with what was wrong; the second one counts.
func TestAsksAgain(t *testing.T) {
	s := faketeacher.New(t)
	s.Behave = func(w http.ResponseWriter, _ *http.Request, c *faketeacher.Call) bool {
		if c.Number > 1 {
			return false
		}
		s.Reply(w, c, "Certainly, here are some questions.")
		return true
	}
	r := recipe(s.URL)
	r.Types, r.PerContext = map[string]float64{"any-detail": 1}, 1
	o := options(t, 1)
	if _, err := newTeacher(t, r, t.TempDir(), false).Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, e := range rowsOf(t, o.Out) {
		if !strings.Contains(e.Meta[MetaMessages], again) {
			t.Errorf("messages %s", e.Meta[MetaMessages])
		}
		if _, ok := Call(&e); !ok {
			t.Error("the row does not give its call back")
		}
	}
}

// The critic rejects, and its own nonsense is counted.
func TestCritic(t *testing.T) {
	for verdict, reason := range map[string]string{
		`{"supported": true, "score": 3, "reason": "Half."}`: "critic-score-too-low",
		`{"supported": false, "score": 5, "reason": "Not."}`: "critic-score-too-low",
		`{"supported": true, "score": 9, "reason": "More."}`: "critic-reply-malformed",
		`{"score": 5}`: "critic-reply-malformed", `fine!`: "critic-reply-malformed",
	} {
		s := faketeacher.New(t)
		s.Behave = func(w http.ResponseWriter, _ *http.Request, c *faketeacher.Call) bool {
			if c.Material() != "" {
				return false
			}
			if !strings.Contains(c.Body, `>>>`) && !strings.Contains(c.Body, `\u003e\u003e\u003e`) {
				t.Errorf("the critic sees no marked evidence: %s", c.Body)
			}
			s.Reply(w, c, verdict)
			return true
		}
		_, err := newTeacher(t, recipe(s.URL), t.TempDir(), false).Run(t.Context(), options(t, 1))
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: got %v, want %s in it", verdict, err, reason)
		}
	}
}

// A budget that ends mid-way publishes nothing and loses nothing; a larger one goes on where it
// was, and --partial publishes what there is without a call.
func TestBudgetMidway(t *testing.T) {
	s := faketeacher.New(t)
	folder := t.TempDir()
	r := recipe(s.URL)
	r.Settings.MaxTokens = 200
	r.Budget.Tokens = 20000
	o := options(t, 30)
	first := newTeacher(t, r, folder, false)
	_, err := first.Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "nothing is lost: raise teacher.budget") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(o.Out); err == nil {
		t.Error("something was published")
	}
	_ = first.client.Close() // the next takes its journal
	calls := s.Calls()
	partial := newTeacher(t, r, folder, true)
	some, err := partial.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if some.Left == 0 || s.Calls() != calls {
		t.Errorf("partial: %d left, %d more calls", some.Left, s.Calls()-calls)
	}
	_ = partial.client.Close() // the next takes its journal
	r.Budget.Tokens = 0
	o.Dataset.Overwrite, o.Figures = true, figures.New([]material.Band{{From: 0, To: 1000}}, 0.25)
	full := newTeacher(t, r, folder, false)
	all, err := full.Run(t.Context(), o)
	if err != nil || all.Left != 0 {
		t.Fatalf("%v, %d left", err, all.Left)
	}
	if _, most := s.Answered(); most != 1 {
		t.Errorf("a call was answered %d times", most)
	}
	o2 := options(t, 30)
	r2 := recipe(faketeacher.New(t).URL)
	r2.Settings.MaxTokens = 200
	fresh, err := newTeacher(t, r2, t.TempDir(), false).Run(t.Context(), o2)
	if err != nil || fresh.Manifest.Digest != all.Manifest.Digest {
		t.Errorf("a run without a break gives another dataset (%v)", err)
	}
}

func TestCancelled(t *testing.T) {
	s := faketeacher.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.Behave = func(_ http.ResponseWriter, r *http.Request, c *faketeacher.Call) bool {
		if c.Number == 3 {
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	}
	_, err := newTeacher(t, recipe(s.URL), t.TempDir(), false).Run(ctx, options(t, 9))
	if err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("got %v", err)
	}
}

func TestFind(t *testing.T) {
	r := newReader("He said:  “It’s\n\tcold—very cold,”\nand 雪が降る 夜に 去った went. It's cold-very cold.")
	for _, c := range []struct {
		quote, want string
	}{
		{`It's cold-very cold, and`, ""}, {`"It's cold-very cold,"`, "“It’s\n\tcold—very cold,”"},
		{"'It’s cold — very cold'", "It’s\n\tcold—very cold"}, {"雪が降る夜に去った went", "雪が降る 夜に 去った went"},
		{"cold", ""}, {"It is cold, very cold", ""},
	} {
		s, ok := r.find(c.quote)
		got := ""
		if ok {
			got = string([]rune("He said:  “It’s\n\tcold—very cold,”\nand 雪が降る 夜に 去った went. It's cold-very " +
				"cold.")[s.Start:s.End])
		}
		if got != c.want {
			t.Errorf("%q: found %q, want %q", c.quote, got, c.want)
		}
	}
}

// Every type has a prompt, every prompt a type, and types without genre suit any material.
func TestAsks(t *testing.T) {
	entries, err := prompts.ReadDir("prompts")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(asks)+2 { // the frame and the critic
		t.Errorf("%d prompt files, %d types", len(entries), len(asks))
	}
	for _, a := range asks {
		if parts, err := promptFile(a.Name); err != nil || len(parts) != 1 || len(parts[0]) < 80 {
			t.Errorf("%s: %v, %q", a.Name, err, parts)
		}
	}
	for genre, want := range map[string]string{
		"book":  "book-summary book-characters book-relationships book-detail book-theme any-conversation",
		"paper": "paper-summary paper-contributions paper-limitations paper-method paper-review any-conversation",
		"poem":  "any-summary any-detail any-conversation",
	} {
		var got []string
		for _, a := range suiting(&Context{Genre: genre, DocIDs: []string{"x"}}) {
			got = append(got, a.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", genre, got, want)
		}
	}
	two := suiting(&Context{Genre: "paper", DocIDs: []string{"x", "y"}})
	if two[len(two)-2].Name != "any-comparison" {
		t.Errorf("two papers: %v", two)
	}
}

func TestRecipe(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "r.yaml")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	r, err := OpenRecipe(write(`teacher:
  endpoint: http://127.0.0.1:8080/v1
  model: m
  timeout: 90s
  budget: {tokens: 1000000, money: 2.5}
  price: {input: 0.1, output: 0.4}
  settings: {temperature: 0.7, seed: 3}
  types: {book-summary: 2, any-detail: 1}
`))
	if err != nil || r.Timeout.Seconds() != 90 || r.Budget.Money != 2.5 || *r.Settings.Seed != 3 ||
		r.Questions != 3 || r.Critic.Model != "m" {
		t.Errorf("got %+v, %v", r, err)
	}
	for text, want := range map[string]string{
		"teacher:\n  modle: x\n":                "unknown key modle",
		"other: 1\n":                            "unknown key other",
		"":                                      "no section teacher",
		"teacher:\n  endpoint: http://h/v1\n":   "teacher has no model",
		"teacher:\n  endpoint: h\n  model: m\n": "is no URL",
		"teacher:\n  endpoint: http://h/v1\n  model: m\n  types: {x: 1}\n": `no question type "x"`,
	} {
		if _, err := OpenRecipe(write(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", text, err, want)
		}
	}
}

// No call is made about a context that holds text of an evaluation set, and a row that holds some is
// left out.
func TestEvaluationText(t *testing.T) {
	s := faketeacher.New(t)
	run := func(x *decontaminate.Index) (rows []schemas.Example, calls int, r *Result) {
		before := s.Calls()
		o := options(t, 9)
		o.Evaluation = x
		r, err := newTeacher(t, recipe(s.URL), t.TempDir(), false).Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return rowsOf(t, o.Out), s.Calls() - before, r
	}
	index := func(text string) *decontaminate.Index {
		x, err := decontaminate.NewIndex(decontaminate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		x.Add(decontaminate.Item{ID: "bench:1", Texts: []string{text}})
		return x
	}
	all, calls, _ := run(nil)
	some, fewer, r := run(index("The 7. keeper of house 4 walked past the old well at dawn."))
	if r.Manifest.Rejected[heldout.EvaluationText] != 1 || fewer >= calls || len(some) >= len(all) {
		t.Errorf("rejected %v, %d of %d calls, %d of %d rows", r.Manifest.Rejected, fewer, calls,
			len(some),
			len(all))
	}
	for _, e := range some {
		if strings.Contains(e.Context, "house 4 ") {
			t.Errorf("row %s is about a context with evaluation text", e.ID)
		}
	}
	if r.Manifest.Config["evaluation"] == nil {
		t.Error("the configuration does not name the evaluation set")
	}
	text := all[0].Instruction + " " + all[0].Output // not in a context
	some, again, r := run(index(text))
	if n := r.Manifest.Rejected[heldout.EvaluationText]; n == 0 || again != calls ||
		len(some) != len(all)-int(n) {
		t.Errorf("%d rejected, %d of %d calls, %d of %d rows", n, again, calls, len(some), len(all))
	}
}
