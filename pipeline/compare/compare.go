// Package compare says how two datasets differ: in what made them, and in their rows, matched by
// content whatever their order. It takes bounded memory.
package compare

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"longlora/schemas"
	"longlora/schemas/shard"
)

// Difference is one thing that differs.
type Difference struct {
	What string `json:"what"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Rows counts the rows of a split by where they are.
type Rows struct {
	Split string `json:"split"`
	Both  int64  `json:"both"`
	// OnlyA and OnlyB are rows that the other has not, or has less often.
	OnlyA int64 `json:"only_a"`
	OnlyB int64 `json:"only_b"`
	// FirstA and FirstB are the places in the split of the first of those; -1: none.
	FirstA int64 `json:"first_a"`
	FirstB int64 `json:"first_b"`
	// Moved says that the rows are the same, in another order.
	Moved bool `json:"moved"`
}

// Result is all that differs.
type Result struct {
	Manifest []Difference `json:"manifest"`
	Rows     []Rows       `json:"rows"`
}

// Equal reports whether the datasets hold the same rows in the same order, made in the same way.
func (r *Result) Equal() bool { return len(r.Manifest) == 0 && r.SameRows() }

// SameRows reports whether all splits hold the same rows in the same order.
func (r *Result) SameRows() bool {
	return !slices.ContainsFunc(r.Rows, func(s Rows) bool {
		return s.OnlyA > 0 || s.OnlyB > 0 || s.Moved
	})
}

// Run compares two datasets. scratch is a folder for sorting; it may be "" for the system's.
func Run(ctx context.Context, a, b *shard.Dataset, scratch string) (*Result, error) {
	r := &Result{Manifest: manifests(a.Manifest(), b.Manifest()), Rows: []Rows{}}
	if a.Manifest().Kind != b.Manifest().Kind {
		return r, nil
	}
	splits := append(a.Splits(), b.Splits()...)
	slices.Sort(splits)
	for _, split := range slices.Compact(splits) {
		rows, err := compareSplit(ctx, a, b, split, scratch)
		if err != nil {
			return nil, fmt.Errorf("diff: %w", err)
		}
		r.Rows = append(r.Rows, rows)
	}
	return r, nil
}

// manifests compares what made two datasets.
func manifests(a, b *schemas.Manifest) []Difference {
	out := []Difference{}
	add := func(what string, x, y any) {
		if !reflect.DeepEqual(x, y) {
			out = append(out, Difference{what, text(x), text(y)})
		}
	}
	add("schema_version", a.SchemaVersion, b.SchemaVersion)
	add("kind", a.Kind, b.Kind)
	add("tokenizer", tokenizer(a), tokenizer(b))
	keys := slices.Concat(slices.Collect(maps.Keys(a.Config)), slices.Collect(maps.Keys(b.Config)))
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		add("config "+k, a.Config[k], b.Config[k])
	}
	add("parents", parents(a), parents(b))
	return append(out, mixtures(a, b)...)
}

func tokenizer(m *schemas.Manifest) string {
	if m.Tokenizer == nil {
		return "none"
	}
	return fmt.Sprintf("%s %.12s", m.Tokenizer.Name, m.Tokenizer.Digest)
}

func parents(m *schemas.Manifest) (all []string) {
	for _, p := range m.Parents {
		all = append(all, fmt.Sprintf("%s %.12s", p.Name, p.Digest))
	}
	return all
}

// mixtures compares sources by name and licence.
func mixtures(a, b *schemas.Manifest) (out []Difference) {
	type key struct{ source, licence string }
	table := map[key][2]string{}
	for side, m := range []*schemas.Manifest{a, b} {
		for _, p := range m.Mixture {
			k := key{p.Source, p.Licence}
			v := table[k]
			v[side] = fmt.Sprintf("%d rows, %d tokens", p.Rows, p.Tokens)
			table[k] = v
		}
	}
	keys := slices.SortedFunc(maps.Keys(table), func(x, y key) int {
		return cmp.Or(cmp.Compare(x.source, y.source), cmp.Compare(x.licence, y.licence))
	})
	for _, k := range keys {
		if v := table[k]; v[0] != v[1] {
			what := fmt.Sprintf("source %s (%s)", k.source, k.licence)
			out = append(out, Difference{what, cmp.Or(v[0], "absent"), cmp.Or(v[1], "absent")})
		}
	}
	return out
}

// text writes a value of a manifest; nil is one that is absent.
func text(v any) string {
	if v == nil {
		return "absent"
	}
	if s, ok := v.(string); ok {
		return s
	}
	data, err := json.Marshal(v)
	return cmp.Or(string(data), fmt.Sprint(errors.Join(err)))
}
