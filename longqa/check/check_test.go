package check

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
	"longlora/longqa/build"
	"longlora/longqa/corpus"
	"longlora/longqa/faketree"
	"longlora/longqa/material"
	"longlora/pipeline/goroot"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// smallDataset builds a dataset of the small tree and returns its rows.
func smallDataset(t *testing.T) (*tokenizer.Tokenizer, []schemas.Example) {
	t.Helper()
	tree, err := goroot.Open(faketree.Write(t), goroot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	o := build.Options{
		Out: filepath.Join(t.TempDir(), "qa"), Recipe: build.Default(), Tree: tree, Tokenizer: tok,
		Limit: 200, Step: func(string) {},
	}
	o.Recipe.Quota = []build.Quota{
		{Band: material.Band{From: 1000, To: 2000}, Views: 20},
		{Band: material.Band{From: 2000, To: 4000}, Views: 20},
	}
	return tok, append(built(t, o), builtTexts(t, o)...)
}

// builtTexts are the rows of a dataset of small texts in all languages and forms.
func builtTexts(t *testing.T, o build.Options) []schemas.Example {
	t.Helper()
	var err error
	if o.Recipe, err = build.OpenRecipe("multilingual"); err != nil {
		t.Fatal(err)
	}
	o.Out += "-texts"
	o.Limit = 900
	o.Recipe.Quota = []build.Quota{
		{Band: material.Band{From: 2000, To: 4000}, Views: 40},
		{Band: material.Band{From: 4000, To: 12000}, Views: 60},
		{Band: material.Band{From: 12000, To: 40000}, Views: 30},
	}
	for _, task := range []string{"speaker", "citation", "table", "origin", "ordering"} {
		o.Recipe.Shares[task] = 0.15
	}
	o.Recipe.Material = []build.Material{{Material: corpus.Material{
		Source: "jsonl", Path: faketree.WriteTexts(t, faketree.Texts()),
	}}}
	rows := built(t, o)
	tasks := map[string]bool{}
	for _, r := range rows {
		tasks[r.Task] = true
	}
	for name := range o.Recipe.Shares {
		if !tasks[name] {
			t.Errorf("no row of task %s over texts", name)
		}
	}
	return rows
}

func built(t *testing.T, o build.Options) []schemas.Example {
	t.Helper()
	if _, err := build.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	d, err := shard.Open(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	var rows []schemas.Example
	for r, err := range shard.Rows[schemas.Example](d, "") {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// falsify are changes that make a row wrong; each returns false if it does not apply to a row.
var falsify = map[string]func(e *schemas.Example) bool{
	"another name in the answer": func(e *schemas.Example) bool {
		names := terms(e.Output)
		if len(names) == 0 {
			return false
		}
		last := names[len(names)-1]
		i := strings.LastIndex(e.Output, "`"+last+"`")
		e.Output = e.Output[:i] + "`wrongName`" + e.Output[i+len(last)+2:]
		return true
	},
	"a name more in the answer": func(e *schemas.Example) bool {
		e.Output += " And `oneMore`."
		return strings.HasPrefix(e.AnswerSource, "derived:")
	},
	"two names exchanged": func(e *schemas.Example) bool {
		names := terms(e.Output)
		n := len(names)
		if e.Task != "ordering" && e.Task != "methods" || n < 3 || names[n-1] == names[n-2] {
			return false
		}
		e.Output = strings.NewReplacer("`"+names[n-1]+"`", "`"+names[n-2]+"`",
			"`"+names[n-2]+"`", "`"+names[n-1]+"`").Replace(e.Output)
		return true
	},
	"another number in the answer": func(e *schemas.Example) bool {
		i := strings.IndexAny(e.Output, "23456")
		if e.Task != "comparison" && e.Task != "constant" || i < 0 {
			return false
		}
		n, _ := strconv.Atoi(e.Output[i : i+1])
		e.Output = e.Output[:i] + strconv.Itoa(n+2) + e.Output[i+1:]
		return true
	},
	"another quotation in the answer": func(e *schemas.Example) bool {
		all, _ := quotes(e.Output)
		if len(all) == 0 {
			return false
		}
		last := all[len(all)-1]
		i := strings.LastIndex(e.Output, last)
		e.Output = e.Output[:i] + "Something else" + e.Output[i+len(last):]
		return true
	},
	"two quotations exchanged": func(e *schemas.Example) bool {
		all, _ := quotes(e.Output)
		if e.Task != "ordering" && e.Task != "passages" || len(all) < 2 {
			return false
		}
		var pairs []string
		for _, mark := range []string{"“", "„", "«", "「"} {
			pairs = append(pairs, mark+all[0], mark+all[1], mark+all[1], mark+all[0])
		}
		e.Output = strings.NewReplacer(pairs...).Replace(e.Output)
		return true
	},
	"another number in an answer about a text": func(e *schemas.Example) bool {
		_, rest := quotes(e.Output)
		all := digitRuns.FindAllString(rest, -1)
		if len(all) == 0 || strings.Contains(e.Output, "`") {
			return false
		}
		last := all[len(all)-1]
		i := strings.LastIndex(e.Output, last)
		other := []byte(last)
		other[0] = '1' + (other[0]-'0')%9
		e.Output = e.Output[:i] + string(other) + e.Output[i+len(last):]
		return true
	},
	"a name fewer in the answer": func(e *schemas.Example) bool {
		names := capitals.FindAllString(e.Output, -1)
		if e.Task != "variables" || len(names) == 0 {
			return false
		}
		e.Output = strings.Replace(e.Output, names[0], "", 1)
		return true
	},
	"evidence elsewhere": func(e *schemas.Example) bool {
		if len(e.Evidence) == 0 || e.Genre == "code" {
			return false
		}
		e.Evidence = []schemas.Span{{Start: 0, End: 2}}
		return e.AnswerSource != "gold:doc"
	},
	"the material ends before": func(e *schemas.Example) bool {
		if e.Genre == "code" || len(e.Evidence) == 0 {
			return false
		}
		runes := []rune(e.Context)
		last := e.Evidence[len(e.Evidence)-1]
		e.Context = string(runes[:last.Start])
		e.NTokens = -1
		return true
	},
	"the material twice": func(e *schemas.Example) bool {
		if e.Genre == "code" || len(e.Evidence) == 0 {
			return false
		}
		e.Context += "\n\n" + e.Context
		e.NTokens = -1
		return e.Task != "origin"
	},
	"what is not there is there": func(e *schemas.Example) bool {
		if e.Meta["term"] == "" {
			return false
		}
		e.Context += "\n" + e.Meta["term"] + "\n"
		e.NTokens = -1
		return true
	},
	"another question": func(e *schemas.Example) bool {
		e.Instruction = "What is this?"
		return e.Task != "passkey" &&
			(e.AnswerSource != "gold:doc" || strings.Contains(e.Meta["symbol"], "."))
	},
	"no question":   func(e *schemas.Example) bool { e.Instruction = " "; return true },
	"no answer":     func(e *schemas.Example) bool { e.Output = ""; return true },
	"other tokens":  func(e *schemas.Example) bool { e.NTokens++; return true },
	"unknown split": func(e *schemas.Example) bool { e.Split = "dev"; return true },
	"unknown rule": func(e *schemas.Example) bool {
		e.AnswerSource = "derived:guess"
		return true
	},
	"evidence beyond the end": func(e *schemas.Example) bool {
		e.Evidence = append(e.Evidence, schemas.Span{Start: 1 << 30, End: 1<<30 + 1})
		return true
	},
	"no evidence": func(e *schemas.Example) bool {
		e.Evidence = nil
		return e.Meta["unanswerable"] != "absent" && e.Meta["unanswerable"] != "reference"
	},
	"the comment left in the context": func(e *schemas.Example) bool {
		e.Context += "// " + strings.ReplaceAll(e.Output, "\n", "\n// ") + "\n"
		e.NTokens = -1 // the test counts anew
		return e.AnswerSource == "gold:doc"
	},
	"a short summary": func(e *schemas.Example) bool {
		e.Output = "It does what its name says."
		return e.AnswerSource == "gold:doc"
	},
	"the missing name in the context": func(e *schemas.Example) bool {
		key := e.Meta["symbol"]
		e.Context += "func " + key[strings.LastIndexByte(key, '.')+1:] + "() {}\n"
		e.NTokens = -1
		return key != "" && e.Meta["unanswerable"] != ""
	},
	"one more caller": func(e *schemas.Example) bool {
		key := e.Meta["symbol"]
		e.Context += "func another() { " + key[strings.LastIndexByte(key, '.')+1:] + "(1, 2) }\n"
		e.NTokens = -1
		return e.Task == "callers"
	},
}

// Every change that makes a row wrong is found, in every row that it applies to; no row is wrong as
// it was built.
func TestRowFindsFaults(t *testing.T) {
	tok, rows := smallDataset(t)
	c := &checker{tokenizer: tok}
	applied := map[string]int{}
	for i := range rows {
		if err := c.row(&rows[i]); err != nil {
			t.Errorf("%s %s: %v", rows[i].ID, rows[i].AnswerSource, err)
		}
		for name, change := range falsify {
			e := rows[i]
			e.Evidence = append([]schemas.Span(nil), e.Evidence...)
			if !change(&e) {
				continue
			}
			if e.NTokens == -1 {
				e.NTokens = int32(len(tok.Encode(nil, e.Context, false)))
			}
			applied[name]++
			if err := c.row(&e); err == nil {
				t.Errorf("%s: not found in %s %s:\n%s\n%s", name, e.ID, e.AnswerSource, e.Instruction, e.Output)
			}
		}
	}
	for name := range falsify {
		if applied[name] == 0 {
			t.Errorf("%s: applied to no row", name)
		}
	}
	t.Logf("%d rows, changes %v", len(rows), applied)
}

// A context that is no code, or cannot be parsed, is a fault and no panic.
func TestRowDamagedContext(t *testing.T) {
	c := &checker{}
	for _, context := range []string{
		"text", "// package: a\n", "// package: a\n// file: a.go\nfunc {", "// file: a.go\npackage a\n",
		"// package: a\n// file: a.go\npackage a\n\nfunc f() {}\n",
	} {
		for rule := range rules {
			e := schemas.Example{
				ID: "x", DocIDs: []string{"d"}, Genre: "code", Task: rule, Licence: "MIT", Split: "train",
				Instruction: "Which `f`?", Output: "It is `g`.", Context: context,
				Evidence:     []schemas.Span{{Start: 0, End: 2}},
				AnswerSource: "derived:" + rule,
				Meta: map[string]string{
					"symbol": "a.f", "first": "a.f", "last": "a.f", "second": "a.f",
				},
			}
			if err := c.row(&e); err == nil {
				t.Errorf("%s over %q: no fault", rule, context)
			}
		}
	}
}
