package fetch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mostList bounds a text of values, in bytes.
const mostList = 64 << 20

// checkParameters refuses parameters that the recipe does not have.
func (r *Recipe) checkParameters(given map[string]string) error {
	var known []string
	for _, p := range r.Parameters {
		known = append(known, p.Name)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("recipe %s has no parameter %q; it has %v", r.Name, name, known))
		}
	}
	return errors.Join(errs...)
}

// expand returns every download of the recipe, in order. Lists are downloads themselves.
func (r *run) expand(ctx context.Context) (all []Item, err error) {
	values := map[string]string{"each": "{each}"}
	for _, p := range r.o.Recipe.Parameters {
		values[p.Name] = p.Default
	}
	maps.Copy(values, r.o.Parameters)
	seen := map[string]string{}
	for i, it := range r.o.Recipe.Items {
		it, err := it.filled(values)
		if err != nil {
			return nil, err
		}
		each, err := r.each(ctx, it)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i+1, err)
		}
		for _, value := range each {
			one, err := it.filled(map[string]string{"each": value})
			if err == nil {
				err = one.check()
			}
			if err == nil && seen[one.File] != "" && !isArchive(one.Unpack) {
				err = fmt.Errorf("%s and %s would both become %s", seen[one.File], one.URL, one.File)
			}
			if err != nil {
				return nil, fmt.Errorf("item %d: %w", i+1, err)
			}
			seen[one.File] = one.URL
			all = append(all, one)
		}
	}
	return all, nil
}

// each returns an item's values; one that has neither list nor values has one, which is not used.
func (r *run) each(ctx context.Context, it Item) ([]string, error) {
	text := it.Each
	if it.List != "" {
		list := Item{URL: it.List}
		path, err := r.loader.load(ctx, list)
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(path)
		if err = errors.Join(err, os.Remove(path)); err != nil {
			return nil, err
		}
		if len(data) > mostList {
			return nil, fmt.Errorf("list %s has %d bytes, more than %d", it.List, len(data), mostList)
		}
		text = strings.ReplaceAll(string(data), "\n", ",")
	}
	if text == "" {
		if it.List != "" || strings.Contains(it.URL, "{each}") {
			return nil, errors.New("its list of values is empty; name some with --param")
		}
		return []string{""}, nil
	}
	var values []string
	for _, v := range strings.Split(text, ",") {
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return first(values, it.First)
}

// first returns the first of the values.
func first(values []string, n string) ([]string, error) {
	if n == "" {
		return values, nil
	}
	most, err := strconv.Atoi(n)
	if err != nil || most < 0 {
		return nil, fmt.Errorf("first is %q, want a number", n)
	}
	if most == 0 || most > len(values) {
		return values, nil
	}
	return values[:most], nil
}
