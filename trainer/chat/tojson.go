package chat

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ardanlabs/jinja"
)

// orderedFilter is the name under which toJSON is given to templates.
const orderedFilter = "tojson_ordered"

// withArguments finds the filter tojson with arguments: the library's sorts keys and escapes HTML
// then, which Python's does not.
var withArguments = regexp.MustCompile(`\|\s*tojson\s*\(`)

// prepare returns the source as the library has to see it: tojson with arguments is toJSON, and one
// line break at the end does not count, as Jinja has it.
func prepare(source string) string {
	source = strings.TrimSuffix(strings.TrimSuffix(source, "\n"), "\r")
	return withArguments.ReplaceAllLiteralString(source, "| "+orderedFilter+"(")
}

// toJSON is the filter tojson of transformers: json.dumps with ensure_ascii false.
func toJSON(args []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	e := encoder{item: ", ", key: ": "}
	indent, ok := named["indent"]
	if !ok && len(args) > 1 {
		indent, ok = args[1], true
	}
	if ok && indent.IsInt() {
		e.indent = strings.Repeat(" ", int(min(max(indent.AsInt(), 0), 16)))
		e.lines, e.item = true, ","
	}
	if s, ok := named["separators"]; ok && s.IsList() && s.AsList().Len() == 2 {
		e.item, e.key = s.AsList().Get(0).AsString(), s.AsList().Get(1).AsString()
	}
	if s, ok := named["sort_keys"]; ok && s.IsBool() {
		e.sort = s.AsBool()
	}
	if len(args) == 0 {
		return jinja.None(), fmt.Errorf("tojson: nothing to write")
	}
	err := e.write(args[0], 0)
	return jinja.NewString(e.out.String()), err
}

type encoder struct {
	out         strings.Builder
	indent      string
	lines, sort bool
	item, key   string
}

func (e *encoder) write(v jinja.Value, depth int) error {
	switch {
	case v.IsList():
		return e.all('[', ']', depth, v.AsList().Items, nil)
	case v.IsDict():
		keys := v.AsDict().OrderedKeys()
		if e.sort {
			slices.Sort(keys)
		}
		var items []jinja.Value
		for _, k := range keys {
			item, _ := v.AsDict().Get(k)
			items = append(items, item)
		}
		return e.all('{', '}', depth, items, keys)
	}
	text, err := scalar(v)
	e.out.WriteString(text)
	return err
}

// all writes the items of a list, or with keys those of an object.
func (e *encoder) all(open, end byte, depth int, items []jinja.Value, keys []string) error {
	e.out.WriteByte(open)
	for i, item := range items {
		if i > 0 {
			e.out.WriteString(e.item)
		}
		e.line(depth + 1)
		if keys != nil {
			text, err := scalar(jinja.NewString(keys[i]))
			if err != nil {
				return err
			}
			e.out.WriteString(text + e.key)
		}
		if err := e.write(item, depth+1); err != nil {
			return err
		}
	}
	if len(items) > 0 {
		e.line(depth)
	}
	e.out.WriteByte(end)
	return nil
}

func (e *encoder) line(depth int) {
	if e.lines {
		e.out.WriteString("\n" + strings.Repeat(e.indent, depth))
	}
}

// scalar writes a value without parts, by the library's own filter.
func scalar(v jinja.Value) (string, error) {
	t, err := jinja.Compile("{{ v | tojson }}")
	if err != nil {
		return "", err
	}
	return t.RenderValues(map[string]jinja.Value{"v": v})
}
