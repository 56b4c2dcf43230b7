package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"longlora/internal/prompt"
	"longlora/longqa/chat"
	"longlora/longqa/gold"
	"longlora/schemas"
)

// Own reads a team's own files: JSON lines, or one JSON array, in a Format. It implements
// gold.Source.
type Own struct {
	Format Format
	// Set names the data; answers are marked "gold:" and the name unless a row has answer_source.
	Set string
	// Licence is an SPDX expression for rows that have no field licence; without either a row is
	// rejected.
	Licence string
	// ContextField is the field that holds the long context; "" is "context".
	ContextField string
	// Genre and Split are for rows that have no field of that name; "" is "text" and "train".
	Genre, Split string
	// LongTurn is the number of characters from which on a first question is taken for material with a
	// question, its first or last paragraph; 0 means 4,000.
	LongTurn int
}

// Format reads one row's conversation.
type Format interface {
	Name() string
	About() string
	// Conversation returns the turns of a row. Texts may be padded with spaces.
	Conversation(row map[string]json.RawMessage) ([]prompt.Message, error)
}

// formats is the table.
var formats = [...]Format{messages{}, shareGPT{}, alpaca{}}

// Formats lists the formats' names.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.Name())
	}
	return names
}

// FindFormat returns the format with a name.
func FindFormat(name string) (Format, error) {
	for _, f := range formats {
		if f.Name() == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("unknown format %q; there are %s", name, strings.Join(Formats(), ", "))
}

// Name implements gold.Source.
func (o Own) Name() string { return o.Set }

// About implements gold.Source.
func (o Own) About() string { return fmt.Sprintf("%s: %s.", o.Set, o.Format.About()) }

// Published implements gold.Source: nobody published counts.
func (o Own) Published() gold.Published { return gold.Published{} }

// Config is what the rows depend on beside the files.
func (o Own) Config() map[string]any {
	return map[string]any{
		"format": o.Format.Name(), "licence": o.Licence, "context_field": o.contextField(),
		"genre": o.Genre, "split": o.Split, "long_turn": o.longTurn(),
	}
}

func (o Own) contextField() string {
	if o.ContextField == "" {
		return "context"
	}
	return o.ContextField
}

func (o Own) longTurn() int {
	if o.LongTurn == 0 {
		return 4000
	}
	return o.LongTurn
}

// Rows implements gold.Source. A row that is not JSON or lacks something becomes a Problem with its
// file and line.
func (o Own) Rows(path string) iter.Seq2[gold.Row, error] {
	return func(yield func(gold.Row, error) bool) {
		files, err := filesOf(path)
		if err == nil && len(files) == 0 {
			err = fmt.Errorf("read %s: it holds no .json or .jsonl file", path)
		}
		if err != nil {
			yield(gold.Row{}, err)
			return
		}
		for _, file := range files {
			for v, err := range valuesOf(path, file) {
				if err != nil {
					yield(gold.Row{}, err)
					return
				}
				if !yield(o.row(v), nil) {
					return
				}
			}
		}
	}
}

// value is a row as the file has it.
type value struct {
	data  []byte
	place string // for messages, as "chats.jsonl line 7"
	id    string
	err   error // the row is not JSON
}

// filesOf lists the files of a folder, relative to it; "" is path itself.
func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{""}, err
	}
	var files []string
	err = fs.WalkDir(os.DirFS(path), ".", func(name string, d fs.DirEntry, err error) error {
		ext := filepath.Ext(name)
		if err == nil && !d.IsDir() && (ext == ".json" || ext == ".jsonl") {
			files = append(files, name)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}

// maxLine bounds a row: beyond it something is wrong with the file.
const maxLine = 256 << 20

// valuesOf streams a file's rows: the elements of an array, else its lines.
func valuesOf(root, file string) iter.Seq2[value, error] {
	return func(yield func(value, error) bool) {
		f, err := os.Open(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			yield(value{}, err)
			return
		}
		defer f.Close()
		if file == "" {
			file = filepath.Base(root)
		}
		in := bufio.NewReaderSize(f, 1<<20)
		for v, err := range rowsIn(in, file) {
			if err != nil {
				err = fmt.Errorf("read %s: %w", file, err)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

func rowsIn(in *bufio.Reader, file string) iter.Seq2[value, error] {
	start, _ := in.Peek(512)
	start = bytes.TrimSpace(bytes.TrimPrefix(start, []byte("\ufeff")))
	stem := strings.TrimSuffix(file, filepath.Ext(file))
	if len(start) > 0 && start[0] == '[' && filepath.Ext(file) != ".jsonl" {
		return elements(in, file, stem)
	}
	return lines(in, file, stem)
}

// elements streams an array. What follows an element that is not JSON cannot be found again, so
// that ends it.
func elements(in io.Reader, file, stem string) iter.Seq2[value, error] {
	return func(yield func(value, error) bool) {
		d := json.NewDecoder(in)
		if _, err := d.Token(); err != nil {
			yield(value{}, err)
			return
		}
		for n := 1; d.More(); n++ {
			v := value{place: fmt.Sprintf("%s element %d", file, n), id: fmt.Sprintf("%s-%d", stem, n)}
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				yield(value{}, fmt.Errorf("element %d is not JSON, so the rest cannot be read: %w; mend it, "+
					"or write one row a line into a .jsonl file", n, err))
				return
			}
			v.data = raw
			if !yield(v, nil) {
				return
			}
		}
	}
}

func lines(in *bufio.Reader, file, stem string) iter.Seq2[value, error] {
	return func(yield func(value, error) bool) {
		s := bufio.NewScanner(in)
		s.Buffer(make([]byte, 1<<20), maxLine)
		n := 0
		for s.Scan() {
			n++
			line := bytes.TrimSpace(bytes.TrimPrefix(s.Bytes(), []byte("\ufeff")))
			if len(line) == 0 {
				continue
			}
			v := value{
				data: line, place: fmt.Sprintf("%s line %d", file, n), id: fmt.Sprintf("%s-%d", stem, n),
			}
			if !json.Valid(line) {
				v.err = errors.New("not JSON")
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(value{}, fmt.Errorf("line %d: %w", n+1, err))
		}
	}
}

// row makes an example of a value, or says why not.
func (o Own) row(v value) gold.Row {
	row := gold.Row{Example: schemas.Example{ID: o.Set + "-" + v.id}}
	problem := func(reason string, err error) gold.Row {
		row.Reason, row.Problem = reason, v.place+": "+err.Error()
		return row
	}
	if v.err != nil {
		return problem("not-json", v.err)
	}
	if !utf8.Valid(v.data) {
		return problem("not-utf-8", errors.New("not UTF-8; convert the file"))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(v.data, &fields); err != nil {
		return problem("malformed", errors.New("the row is no object"))
	}
	err := o.takeContext(&row.Example, fields)
	if err != nil {
		return problem("malformed", err)
	}
	turns, err := o.Format.Conversation(fields)
	if err != nil {
		return problem("malformed", err)
	}
	if err := o.fill(&row.Example, fields, turns); err != nil {
		return problem("malformed", err)
	}
	if row.Licence == "" {
		return problem("no-licence", errors.New("no field licence; give --licence for rows without"))
	}
	return row
}

// takeContext takes the long context out of a row's fields: that of --context-field, else what the
// format holds material in, where it is long.
func (o Own) takeContext(e *schemas.Example, fields map[string]json.RawMessage) error {
	text, err := textField(fields, o.contextField())
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) != "" {
		e.Context = text
		delete(fields, o.contextField())
		return nil
	}
	apart, ok := o.Format.(interface{ material() string })
	if !ok {
		return nil
	}
	if text, err = textField(fields, apart.material()); err == nil &&
		utf8.RuneCountInString(text) >= o.longTurn() {
		e.Context = text
		delete(fields, apart.material())
	}
	return err
}

// fill puts a conversation and a row's own fields into an example.
func (o Own) fill(e *schemas.Example, fields map[string]json.RawMessage,
	turns []prompt.Message) error {
	for i := range turns {
		turns[i].Text = strings.TrimSpace(turns[i].Text)
	}
	if err := prompt.Validate(turns); err != nil {
		return err
	}
	e.Meta = map[string]string{}
	if turns[0].Role == prompt.System {
		e.Meta[chat.MetaSystem], turns = turns[0].Text, turns[1:]
	}
	if len(turns)%2 != 0 {
		return fmt.Errorf("the last of %d turns is the user's, so that it has no answer", len(turns))
	}
	e.Instruction, e.Output = turns[0].Text, turns[1].Text
	for i := 2; i < len(turns); i += 2 {
		e.Turns = append(e.Turns, schemas.Turn{Question: turns[i].Text, Answer: turns[i+1].Text})
	}
	for _, f := range []struct {
		name, fallback string
		to             *string
	}{
		{"licence", "", &e.Licence}, {"license", o.Licence, &e.Licence}, {"genre", o.Genre, &e.Genre},
		{"split", o.Split, &e.Split}, {"task", "", &e.Task}, {"id", "", &e.ID},
		{"answer_source", "gold:" + o.Set, &e.AnswerSource},
	} {
		text, err := textField(fields, f.name)
		if err != nil {
			return err
		}
		if text != "" {
			*f.to = text
		} else if *f.to == "" {
			*f.to = f.fallback
		}
	}
	return o.finish(e)
}

// finish separates material and question, and fills what is still empty.
func (o Own) finish(e *schemas.Example) error {
	e.Meta["question_place"] = "as imported"
	switch {
	case strings.TrimSpace(e.Context) != "":
		e.Context = strings.TrimSpace(e.Context) + "\n"
		delete(e.Meta, "question_place") // it is ours to choose
	default:
		e.Context = ""
		if utf8.RuneCountInString(e.Instruction) >= o.longTurn() {
			e.Instruction, e.Context, e.QuestionFirst = separate(e.Instruction)
		}
	}
	if e.Context != "" {
		e.Evidence = []schemas.Span{{End: int64(utf8.RuneCountInString(e.Context))}}
	}
	for _, d := range []struct {
		to       *string
		fallback string
	}{{&e.Genre, "text"}, {&e.Split, "train"}, {&e.Task, "conversation"}} {
		if *d.to == "" {
			*d.to = d.fallback
		}
	}
	if e.Context == "" && o.Genre == "" {
		e.Genre = "short"
	}
	e.DocIDs = []string{o.Set + ":" + e.ID}
	if !slices.Contains([]string{"train", "validation", "test"}, e.Split) {
		return fmt.Errorf("split %q; write train, validation or test", e.Split)
	}
	return nil
}

// longQuestion is the greatest length of a paragraph that may be the question of a long turn, in
// characters.
const longQuestion = 2000

// separate finds the question of a turn that holds its material too: the last paragraph or the
// first, whichever ends in a question mark, else the last that is short enough. Put together again
// they give the turn, but for spaces at the joint. A turn with neither is all question.
func separate(turn string) (question, material string, first bool) {
	before, tail := cutLast(turn)
	head, after, _ := strings.Cut(turn, "\n\n")
	asks := func(s string) bool {
		s = strings.TrimSpace(s)
		return strings.HasSuffix(s, "?") || strings.HasSuffix(s, "？")
	}
	short := func(s string) bool {
		return strings.TrimSpace(s) != "" && utf8.RuneCountInString(s) <= longQuestion
	}
	last := strings.TrimSpace(before) != "" && short(tail)
	start := strings.TrimSpace(after) != "" && short(head)
	switch {
	case last && (asks(tail) || !start || !asks(head)):
		return strings.TrimSpace(tail), strings.TrimSpace(before) + "\n", false
	case start:
		return strings.TrimSpace(head), strings.TrimSpace(after) + "\n", true
	}
	return turn, "", true
}

// cutLast cuts a text before its last paragraph.
func cutLast(text string) (before, last string) {
	i := strings.LastIndex(text, "\n\n")
	if i < 0 {
		return "", text
	}
	return text[:i], text[i+2:]
}

// textField is a field's text; a number counts as its digits. An absent field and null are empty.
func textField(fields map[string]json.RawMessage, name string) (string, error) {
	raw, ok := fields[name]
	if !ok || string(raw) == "null" {
		return "", nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	if _, err := strconv.ParseFloat(string(raw), 64); err == nil {
		return string(raw), nil
	}
	return "", fmt.Errorf("the field %s is no text", name)
}
