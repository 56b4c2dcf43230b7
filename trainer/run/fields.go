package run

import (
	"reflect"
	"strings"
)

// Field is one option of a Config.
type Field struct {
	// Key is its name in a run file, Flag the one on the command line.
	Key, Flag, Usage string
	// Group is the heading under which --help lists it.
	Group string
	// Value points into the Config: *string, *[]string, *bool, *int, *uint64 or *float64.
	Value any
}

// Fields lists the options of c in the order of its declaration.
func (c *Config) Fields() []Field {
	v := reflect.ValueOf(c).Elem()
	all := make([]Field, v.NumField())
	group := ""
	for i := range all {
		f := v.Type().Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if g, ok := f.Tag.Lookup("group"); ok {
			group = g
		}
		all[i] = Field{
			Key: key, Flag: strings.ReplaceAll(key, "_", "-"), Usage: f.Tag.Get("usage"),
			Group: group, Value: v.Field(i).Addr().Interface(),
		}
	}
	return all
}
