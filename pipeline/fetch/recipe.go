package fetch

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"longlora/internal/strict"
)

// Recipe says what a corpus is made of.
type Recipe struct {
	Name  string `yaml:"name"`
	About string `yaml:"about"`
	// Parameters are what a run may choose, with what they are otherwise.
	Parameters []Parameter `yaml:"parameters"`
	Items      []Item      `yaml:"items"`
}

// Parameter is a value that stands for {name} in an item.
type Parameter struct {
	Name    string `yaml:"name"`
	About   string `yaml:"about"`
	Default string `yaml:"default"`
}

// Item is a download, or as many as Each or List have values, which stand for {each}.
type Item struct {
	// Each is a list of values, by comma.
	Each string `yaml:"each"`
	// List is the address of a text with a value on each line; First is how many of them are taken,
	// empty or 0: all.
	List  string `yaml:"list"`
	First string `yaml:"first"`

	// URL is the address, Mirrors others of the same bytes, tried in turn.
	URL     string   `yaml:"url"`
	Mirrors []string `yaml:"mirrors"`
	// SHA256 and Bytes pin the download; empty: the lock file does.
	SHA256 string `yaml:"sha256"`
	Bytes  int64  `yaml:"bytes"`
	// File is where it goes, with slashes; for an archive the folder of its members.
	File string `yaml:"file"`
	// Unpack is one of Packings; Members are patterns of the members of an archive that are wanted,
	// none: all; Strip is how many leading elements their names lose.
	Unpack  string   `yaml:"unpack"`
	Members []string `yaml:"members"`
	Strip   int      `yaml:"strip"`
	// Clean is one of Cleanings.
	Clean string `yaml:"clean"`

	// Licence is an SPDX expression, Language a BCP 47 tag, Page where people read about it. A
	// cleaning may know better.
	Licence  string `yaml:"licence"`
	Language string `yaml:"language"`
	Title    string `yaml:"title"`
	Page     string `yaml:"page"`
}

//go:embed recipes/*.yaml
var embedded embed.FS

// Recipes returns the table of recipes, sorted by name.
func Recipes() ([]*Recipe, error) {
	names, err := embedded.ReadDir("recipes")
	if err != nil {
		return nil, err
	}
	var all []*Recipe
	for _, n := range names {
		text, err := embedded.ReadFile("recipes/" + n.Name())
		if err != nil {
			return nil, err
		}
		r, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("recipe %s: %w", n.Name(), err)
		}
		all = append(all, r)
	}
	return all, nil
}

// Find returns the recipe of a name.
func Find(name string) (*Recipe, error) {
	all, err := Recipes()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range all {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return nil, fmt.Errorf("recipe %q is unknown; there are %s", name, strings.Join(names, ", "))
}

// Parse reads a recipe and reports every problem at once.
func Parse(text []byte) (*Recipe, error) {
	var r Recipe
	if err := strict.Decode(text, &r); err != nil {
		return nil, fmt.Errorf("not a recipe: %w", err)
	}
	return &r, r.validate()
}

func (r *Recipe) validate() error {
	var errs []error
	if r.Name == "" || len(r.Items) == 0 {
		errs = append(errs, errors.New("it needs a name and items"))
	}
	values := map[string]string{"each": "x"}
	for _, p := range r.Parameters {
		values[p.Name] = "x"
	}
	for i, it := range r.Items {
		if err := it.validate(values); err != nil {
			errs = append(errs, fmt.Errorf("item %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (it Item) validate(values map[string]string) error {
	var errs []error
	for _, s := range it.strings() {
		if _, err := fill(*s, values); err != nil {
			errs = append(errs, err)
		}
	}
	if it.File == "" || it.URL == "" || it.Licence == "" {
		errs = append(errs, errors.New("it needs url, file and licence"))
	}
	if it.Each != "" && it.List != "" {
		errs = append(errs, errors.New("each and list exclude each other"))
	}
	if it.SHA256 != "" && !sumForm.MatchString(it.SHA256) {
		errs = append(errs, fmt.Errorf("sha256 %q is no SHA-256 in lower-case hex", it.SHA256))
	}
	if _, ok := packings()[it.Unpack]; !ok {
		errs = append(errs, fmt.Errorf("unpack %q is none of %s", it.Unpack, names(packings())))
	}
	if _, ok := cleanings()[it.Clean]; !ok {
		errs = append(errs, fmt.Errorf("clean %q is none of %s", it.Clean, names(cleanings())))
	}
	for _, m := range it.Members {
		if _, err := path.Match(m, ""); err != nil {
			errs = append(errs, fmt.Errorf("member pattern %q: %w", m, err))
		}
	}
	return errors.Join(errs...)
}

func names[V any](table map[string]V) string {
	all := slices.Sorted(maps.Keys(table))
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), ", ")
}

// strings are the fields in which parameters stand.
func (it *Item) strings() []*string {
	all := []*string{
		&it.Each, &it.List, &it.First, &it.URL, &it.File, &it.Licence, &it.Language, &it.Title, &it.Page,
	}
	for i := range it.Mirrors {
		all = append(all, &it.Mirrors[i])
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// fill puts values in the place of {names}.
func fill(s string, values map[string]string) (string, error) {
	var err error
	s = placeholder.ReplaceAllStringFunc(s, func(name string) string {
		v, ok := values[name[1:len(name)-1]]
		if !ok {
			err = fmt.Errorf("%s is no parameter; there are %s", name, names(values))
		}
		return v
	})
	return s, err
}

// filled returns the item with values in the place of {names}.
func (it Item) filled(values map[string]string) (Item, error) {
	it.Mirrors = slices.Clone(it.Mirrors)
	for _, s := range it.strings() {
		var err error
		if *s, err = fill(*s, values); err != nil {
			return it, err
		}
	}
	return it, nil
}

// check refuses addresses that no download has and files outside the folder.
func (it Item) check() error {
	for _, s := range append([]string{it.URL}, it.Mirrors...) {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%q is no address of the web", s)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' }) {
			return fmt.Errorf("address %q has spaces", s)
		}
	}
	if !isInside(it.File) {
		return fmt.Errorf("file %q lies outside the folder, or is hidden", it.File)
	}
	return nil
}

// isInside reports whether a name with slashes stays in its folder and is not hidden there.
func isInside(name string) bool {
	if name == "" || strings.ContainsAny(name, "\\\x00") || path.Clean(name) != name ||
		!filepath.IsLocal(filepath.FromSlash(name)) {
		return false
	}
	for _, element := range strings.Split(name, "/") {
		if strings.HasPrefix(element, ".") {
			return false
		}
	}
	return true
}

// digest identifies what is done with a download; with it a recipe's change is noticed.
func (it Item) digest() string {
	text := fmt.Sprintf("%q", []any{
		it.SHA256, it.File, it.Unpack, it.Members, it.Strip, it.Clean, it.Licence, it.Language, it.Title,
		it.Page,
	})
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
