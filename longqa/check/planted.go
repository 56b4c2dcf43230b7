package check

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"longlora/schemas"
)

// passWords are the words of a planted line that names a pass key, by language.
var passWords = []string{"pass key", "Kennwort", "mot de passe", "contraseña", "口令", "合言葉",
	"Пароль",
	"пароль"}

// passKey requires that one line of the context names a pass key, twice, and that the answer is it.
func (c *checker) passKey(e *schemas.Example) error {
	found := map[string]int{}
	for line := range strings.Lines(c.context) {
		for _, w := range passWords {
			if !strings.Contains(line, w) {
				continue
			}
			for _, m := range digitRuns.FindAllString(line, -1) {
				if len(m) == 5 && runs(line, m) == 2 && runs(c.context, m) == 2 {
					found[m]++
				}
			}
			break
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("the context names %d pass keys", len(found))
	}
	for key := range found {
		if err := c.evidenceHas(e, key); err != nil {
			return err
		}
		return saysOnly(e.Output, nil, []string{key})
	}
	return nil
}

// runs counts how often a text has a run of digits.
func runs(text, digits string) int {
	n := 0
	for _, m := range digitRuns.FindAllString(text, -1) {
		if m == digits {
			n++
		}
	}
	return n
}

func (c *checker) keyValue(e *schemas.Example) error {
	name := e.Meta["name"]
	if err := asks(e, name); err != nil {
		return err
	}
	var values []string
	for line := range strings.Lines(c.context) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "//"))
		if key, value, ok := strings.Cut(line, ": "); ok && key == name {
			values = append(values, value)
		}
	}
	if len(values) != 1 || strings.Count(c.context, name) != 1 {
		return fmt.Errorf("the context has %d values of %s", len(values), name)
	}
	if err := c.evidenceHas(e, values[0]); err != nil {
		return err
	}
	return saysOnly(e.Output, []string{name}, values)
}

// numbersOf are the seven-digit numbers of the lines that quote a name, in order.
func (c *checker) numbersOf(e *schemas.Example, name string) ([]string, error) {
	var all []string
	for line := range strings.Lines(c.context) {
		quoted, rest := quotes(line)
		if len(quoted) != 1 || quoted[0] != name {
			continue
		}
		numbers := digitRuns.FindAllString(rest, -1)
		if len(numbers) != 1 || len(numbers[0]) != 7 {
			return nil, fmt.Errorf("a line about %s has the numbers %q", name, numbers)
		}
		if err := c.evidenceHas(e, numbers[0]); err != nil {
			return nil, err
		}
		all = append(all, numbers[0])
	}
	if strings.Count(c.context, name) != len(all) || len(all) == 0 {
		return nil, fmt.Errorf("%d lines give a number for %s", len(all), name)
	}
	return all, nil
}

func (c *checker) needles(e *schemas.Example) error {
	names := strings.Split(e.Meta["names"], "\n")
	var numbers []string
	for _, name := range names {
		if err := asks(e, name); err != nil {
			return err
		}
		some, err := c.numbersOf(e, name)
		if err != nil {
			return err
		}
		if len(names) > 1 && len(some) > 1 {
			return fmt.Errorf("%s has %d numbers", name, len(some))
		}
		numbers = append(numbers, some...)
	}
	return saysOnly(e.Output, names, numbers)
}

var (
	assignment = regexp.MustCompile(`(?m)^(?:// )?VAR ([A-Z]+) = ([A-Z]+|[0-9]+)$`)
	capitals   = regexp.MustCompile(`[A-Z]{5,}`)
)

func (c *checker) variables(e *schemas.Example) error {
	wanted := e.Meta["value"]
	if wanted == "" || !strings.Contains(e.Instruction, wanted) {
		return errors.New("the question does not name the value")
	}
	value := map[string]string{}
	var names []string
	for _, m := range assignment.FindAllStringSubmatch(c.context, -1) {
		name, v := m[1], m[2]
		if v[0] > '9' {
			if v = value[v]; v == "" {
				return fmt.Errorf("%s gets the value of a variable that has none", name)
			}
		}
		if value[name] != "" {
			return fmt.Errorf("%s is assigned twice", name)
		}
		value[name] = v
		if v == wanted {
			names = append(names, name)
			if err := c.evidenceHas(e, name+" = "); err != nil {
				return err
			}
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("no variable has the value %s", wanted)
	}
	if err := saysOnly(e.Output, nil, []string{wanted}); err != nil {
		return err
	}
	return same(capitals.FindAllString(e.Output, -1), names)
}

// noTerm requires that the context does not have what is asked about.
func (c *checker) noTerm(e *schemas.Example) error {
	term := e.Meta["term"]
	if term == "" || e.Meta["unanswerable"] != "absent" {
		return fmt.Errorf("unanswerable for the unknown reason %q", e.Meta["unanswerable"])
	}
	if err := asks(e, term); err != nil {
		return err
	}
	if strings.Contains(c.dense().text, densify(term).text) {
		return fmt.Errorf("%q occurs in the context", term)
	}
	return saysOnly(e.Output, []string{term}, nil)
}
