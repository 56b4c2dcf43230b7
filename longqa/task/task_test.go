package task

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/faketree"
	"longlora/longqa/material"
	"longlora/longqa/outline"
	"longlora/longqa/phrase"
	"longlora/pipeline/goroot"
)

// scopes are views of the small tree: one package, several, a part of one, and the manual.
func scopes(t *testing.T) map[string]*Scope {
	t.Helper()
	tree, err := goroot.Open(faketree.Write(t), goroot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := code.Load(t.Context(), tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	manual := tree.Texts()[0]
	text := outline.Parse(outline.Source{
		ID: manual.DocID(), Title: manual.Title, Genre: "manual", Licence: manual.Licence,
		Content: manual.Content,
	})
	texts := map[string]*outline.Text{manual.DocID(): text}
	whole := func(paths ...string) []material.Kept {
		var docs []material.Kept
		for _, path := range paths {
			docs = append(docs, material.Whole(p.Package("goroot:"+path).Document).Docs...)
		}
		return docs
	}
	part := whole("anchor")
	part[0].Pieces = part[0].Pieces[:5] // without the second file
	scope := func(id string, docs []material.Kept) *Scope {
		return NewScope(material.NewView(id, docs), p, texts)
	}
	all := map[string]*Scope{
		"one": scope("one", whole("anchor")), "part": scope("part", part),
		"several": scope("several", whole("anchor", "basket", "candle", "fmt")),
		"text":    scope("text", material.Whole(text.Document).Docs),
	}
	var papers []material.Kept
	for _, f := range faketree.Texts() {
		if testing.Short() && further(f.ID) {
			continue
		}
		text := outline.Parse(outline.Source{
			ID: f.ID, Title: f.Title, Genre: "book", Licence: "MIT", Content: f.Content,
			Language: f.Language, Corpus: true, Markdown: f.Markdown,
		})
		texts[f.ID] = text
		docs := material.Whole(text.Document).Docs
		if strings.HasPrefix(f.ID, "paper") && len(papers) < 3 {
			papers = append(papers, docs...)
		}
		docs[0].Pieces = docs[0].Pieces[:len(docs[0].Pieces)*2/3+1] // some of it is elsewhere
		if f.Markdown {
			docs = material.Whole(text.Document).Docs
		}
		all[f.ID] = scope(f.ID, docs)
	}
	all["papers"] = scope("papers", papers)
	return all
}

// further reports whether a text is of a kind and language of which there is one before it; of
// papers, which are asked about together, three.
func further(id string) bool {
	kind, seed := id[:strings.IndexByte(id, '-')], int(id[len(id)-1]-'0')
	return kind == "novel" && seed%2 == 1 || kind == "paper" && seed > 2 ||
		kind != "novel" && kind != "paper" && seed > 0
}

// The tasks over texts propose questions in every language that has a wording.
func TestLanguages(t *testing.T) {
	all := scopes(t)
	for _, l := range phrase.Languages() {
		for i, id := range []string{"en", "de", "fr", "es", "uk", "zh", "ja"} {
			if id != l {
				continue
			}
			s := all[fmt.Sprintf("novel-%s-%d", l, 2*i)]
			for _, task := range []Task{section{}, ordering{}, passages{}, wordCount{}, unanswerable{},
				passKey{}, keyValue{}, needles{}, variables{}} {
				got := task.Propose(s, dice.New(l))
				if len(got) == 0 {
					t.Errorf("%s: %s proposes nothing", l, task.Name())
					continue
				}
				t.Logf("%s %s\n%s\n%s", l, task.Name(), got[0].Question, got[0].Answer)
			}
		}
	}
}

// Every task keeps the contract of Task, over every kind of view.
func TestContract(t *testing.T) {
	all := scopes(t)
	names := map[string]bool{}
	for _, task := range All() {
		if names[task.Name()] || task.Name() == "" {
			t.Errorf("the name %q is taken", task.Name())
		}
		names[task.Name()] = true
		proposed := 0
		for name, s := range all {
			got := task.Propose(s, dice.New(name))
			proposed += len(got)
			again := task.Propose(s, dice.New(name))
			if d := cmp.Diff(got, again, cmpopts.IgnoreFields(Candidate{}, "Evidence", "Remove",
				"Plant")); d != "" {
				t.Errorf("%s over %s is not reproducible:\n%s", task.Name(), name, d)
			}
			if len(got) > 3*proposals {
				t.Errorf("%s proposes %d questions over %s", task.Name(), len(got), name)
			}
			for _, c := range got {
				checkCandidate(t, task.Name(), s, c)
			}
		}
		if proposed == 0 {
			t.Errorf("%s proposes nothing", task.Name())
		}
	}
}

func endsIn(text string, ends ...string) bool {
	return slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(text, end) })
}

func checkCandidate(t *testing.T, task string, s *Scope, c Candidate) {
	t.Helper()
	bad := func(what string) { t.Errorf("%s: %s:\n%s\n%s", task, what, c.Question, c.Answer) }
	switch {
	case c.Key == "":
		bad("no key")
	case c.Source != "gold:doc" && c.Source != "derived:"+task:
		bad("the source is " + c.Source)
	case !endsIn(c.Question, "?", ".", "？", "。", "”", "“", "»", "」"):
		bad("the question is no sentence")
	case !endsIn(c.Answer, ".", "。", ".)"):
		bad("the answer is no sentence")
	case strings.Count(c.Question, "`")%2+strings.Count(c.Answer, "`")%2 > 0:
		bad("a backtick is open")
	case len(c.Evidence) == 0 && c.Meta["unanswerable"] != "absent" &&
		c.Meta["unanswerable"] != "reference":
		bad("no evidence")
	case len(c.Remove) > 0 && task != "summary":
		bad("it removes something")
	}
	if Planting(task) != (len(c.Plant) > 0) && task != "unanswerable" {
		bad("it plants, or does not")
	}
	text := s.View.Render(c.Remove, c.Plant...)
	for _, r := range c.Evidence {
		if _, err := text.Span(r); err != nil || strings.TrimSpace(r.Text()) == "" {
			bad("evidence is not in the context")
		}
	}
	for _, r := range c.Remove {
		if strings.Contains(text.Text, r.Text()) {
			bad("what is to be removed is left in the context")
		}
	}
}

// The answers about one package, as a person would give them.
func TestAnswers(t *testing.T) {
	s := scopes(t)["one"]
	want := map[string]string{
		"callers anchor.measureAnchor": "`AnchorStore.FillAnchor` and `scaleAnchor`",
		"callers anchor.roundAnchor":   "Only `measureAnchor` calls `roundAnchor`.",
		"implementers anchor.AnchorKeeper": "Only the type `AnchorStore` implements " +
			"`AnchorKeeper`.",
		"methods anchor.AnchorStore": "The type `AnchorStore` has 3 methods: `FillAnchor`, " +
			"`CountAnchor` and `nameAnchor`.",
		"constant anchor.largeAnchor": "`largeAnchor` is `4`: in its group in the file `store.go` " +
			"the expression `1 << iota` is repeated for it.",
		"constant anchor.limitAnchor": "`limitAnchor` is `300`: the file `store.go` declares it as " +
			"`3 * 100`.",
		"errors anchor.AnchorStore.FillAnchor": "`AnchorStore.FillAnchor` returns `ErrAnchor`, whose " +
			"text is `anchor: closed`; it also creates an error with the text " +
			"`anchor: %d is negative`.",
		"declaration anchor.pairAnchor": "`pairAnchor` is declared in the file `store.go` with 2 " +
			"fields: `count` and `other`.",
		"chain anchor.OpenAnchor anchor.measureAnchor": "`scaleAnchor`",
	}
	found := map[string]string{}
	for _, task := range All() {
		for i := range 20 { // each draw gives some of the questions
			for _, c := range task.Propose(s, dice.New("answers", string(rune('a'+i)))) {
				found[task.Name()+" "+c.Key] = c.Answer
			}
		}
	}
	for key, answer := range want {
		if got := found[key]; !strings.Contains(got, answer) {
			t.Errorf("%s: got %q, want %q in it", key, got, answer)
		}
	}
	// The name stands in a second place, so a reader could not tell calls from other uses.
	for _, key := range []string{
		"callers anchor.AnchorStore.CountAnchor", "callers anchor.OpenAnchor",
	} {
		if got, ok := found[key]; ok {
			t.Errorf("%s is asked and answered %q, though nothing calls it for certain", key, got)
		}
	}
}
