package chat

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/ardanlabs/jinja"
)

// decode reads JSON as a template's value. Keys keep their order, which tojson shows.
func decode(data []byte) (jinja.Value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := next(d)
	if err != nil {
		return jinja.None(), err
	}
	if d.More() {
		return jinja.None(), fmt.Errorf("something follows the value")
	}
	return v, nil
}

func next(d *json.Decoder) (jinja.Value, error) {
	token, err := d.Token()
	if err != nil {
		return jinja.None(), err
	}
	switch token {
	case json.Delim('['):
		return list(d)
	case json.Delim('{'):
		return object(d)
	}
	return jinja.FromGoValue(token), nil
}

func list(d *json.Decoder) (jinja.Value, error) {
	var items []jinja.Value
	for d.More() {
		v, err := next(d)
		if err != nil {
			return jinja.None(), err
		}
		items = append(items, v)
	}
	_, err := d.Token() // ]
	return jinja.NewList(items), err
}

func object(d *json.Decoder) (jinja.Value, error) {
	v := jinja.NewDict()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return jinja.None(), err
		}
		value, err := next(d)
		if err != nil {
			return jinja.None(), err
		}
		v.AsDict().Set(key.(string), value) // keys of objects are strings
	}
	_, err := d.Token() // }
	return v, err
}
