package chat

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/ardanlabs/jinja"
)

// maxStack is the greatest size of a goroutine's stack in bytes: calls without end reach it.
const maxStack = 1 << 26

// Work is the process that renders: it reads a job from in and writes the text to out. It ends the
// process when memory grows beyond bounds.
func Work(in io.Reader, out io.Writer) error {
	debug.SetMaxStack(maxStack)
	go watch()
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	text, err := j.render()
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

// watch ends the process when its heap is too large.
func watch() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		metrics.Read(sample)
		if sample[0].Value.Uint64() > maxMemory {
			fmt.Fprintln(os.Stderr, "it takes more memory than is sensible: it grows without end")
			os.Exit(1)
		}
		time.Sleep(time.Millisecond)
	}
}

// render compiles and executes the template.
func (j *job) render() (string, error) {
	t, err := jinja.Compile(prepare(j.Template))
	if err != nil {
		return "", err
	}
	values := map[string]jinja.Value{
		"add_generation_prompt": jinja.NewBool(j.Generate),
		orderedFilter:           jinja.NewCallable(orderedFilter, toJSON),
	}
	for name, token := range j.Tokens {
		values[name] = jinja.NewString(token)
	}
	if len(j.Variables) > 0 {
		v, err := decode(j.Variables)
		if err != nil {
			return "", fmt.Errorf("variables: %w", err)
		}
		if v.AsDict() == nil {
			return "", fmt.Errorf("variables are no object")
		}
		for _, key := range v.AsDict().OrderedKeys() {
			values[key], _ = v.AsDict().Get(key)
		}
	}
	if values["messages"], err = decode(j.Messages); err != nil {
		return "", fmt.Errorf("messages: %w", err)
	}
	values["tools"], values["documents"] = jinja.None(), jinja.None()
	if len(j.Tools) > 0 {
		if values["tools"], err = decode(j.Tools); err != nil {
			return "", fmt.Errorf("tools: %w", err)
		}
	}
	return t.RenderValues(values)
}
