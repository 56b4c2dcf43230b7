package retrieval

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// puzzle is a text under construction: a filler with facts in it.
type puzzle struct {
	intro    string
	question string
	answers  []string
	// facts stand at their depths of the filler, in order of depth.
	facts []fact
	// filler returns the i-th piece of what is irrelevant.
	filler func(i int) string
}

type fact struct {
	depth float64
	text  string
}

// Task hides facts and asks for them.
type Task struct {
	Name string
	// make draws a puzzle whose fact to be found stands at depth, in [0, 1].
	make func(rng *rand.Rand, depth float64) puzzle
}

// Tasks is the table.
func Tasks() []Task {
	return []Task{
		{"passkey", passKey}, {"needles", needles}, {"keyvalue", keyValue}, {"variables", variables},
	}
}

// Lookup returns the tasks of some names; no names: all.
func Lookup(names []string) ([]Task, error) {
	if len(names) == 0 {
		return Tasks(), nil
	}
	var found []Task
	for _, name := range names {
		n := len(found)
		for _, t := range Tasks() {
			if t.Name == name {
				found = append(found, t)
			}
		}
		if len(found) == n {
			return nil, fmt.Errorf("unknown task %q; there are %s", name, taskNames())
		}
	}
	return found, nil
}

func taskNames() string {
	var names []string
	for _, t := range Tasks() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// grass is the filler of the pass-key test, in pieces.
func grass(i int) string {
	return [...]string{"The grass is green. ", "The sky is blue. ", "The sun is yellow. ", "Here we go. ",
		"There and back again. "}[i%5]
}

func number(rng *rand.Rand) string { return fmt.Sprint(10_000 + rng.IntN(90_000)) }

// passKey hides one number.
func passKey(rng *rand.Rand, depth float64) puzzle {
	key := number(rng)
	return puzzle{
		intro: "An important fact is hidden in a lot of irrelevant text. Find it and remember it.\n",
		facts: []fact{{depth, fmt.Sprintf("\nThe pass key is %s. Remember it. %[1]s is the pass key.\n",
			key)}},
		question: "\nWhat is the pass key? The pass key is",
		answers:  []string{key}, filler: grass,
	}
}

// places are names that no tokenizer has reason to split strangely.
var places = [...]string{"London", "Paris", "Berlin", "Madrid", "Rome", "Vienna", "Oslo", "Prague",
	"Dublin", "Lisbon", "Athens", "Warsaw"}

// needles hides four numbers, each of a place, and asks for one.
func needles(rng *rand.Rand, depth float64) puzzle {
	p := puzzle{intro: "The magic numbers of some places are hidden in the following text.\n",
		filler: grass}
	names := rng.Perm(len(places))[:4]
	for i, n := range names {
		value, at := number(rng), depth
		if i > 0 {
			at = rng.Float64()
		} else {
			p.answers = []string{value}
			p.question = fmt.Sprintf("\nThe magic number of %s, as the text says, is", places[n])
		}
		p.facts = append(p.facts, fact{at, fmt.Sprintf("\nThe magic number of %s is %s.\n", places[n], value)})
	}
	return p
}

// keyValue hides a pair among others like it.
func keyValue(rng *rand.Rand, depth float64) puzzle {
	seed := rng.Uint64()
	line := func(r *rand.Rand) (key, value string) {
		return fmt.Sprintf("%08x", r.Uint32()), number(r)
	}
	key, value := line(rng)
	return puzzle{
		intro:    "Pairs of a key and its value:\n",
		facts:    []fact{{depth, key + ": " + value + "\n"}},
		question: "\nThe value of the key " + key + " is",
		answers:  []string{value},
		filler: func(i int) string {
			k, v := line(rand.New(rand.NewPCG(seed, uint64(i))))
			return k + ": " + v + "\n"
		},
	}
}

// variables assigns a number to a variable, that to a second, and so on; all that have it are asked
// for. The first assignment stands at depth, the others after it.
func variables(rng *rand.Rand, depth float64) puzzle {
	const hops = 4
	value := number(rng)
	p := puzzle{intro: "Variables are assigned in the following text.\n", filler: grass,
		question: fmt.Sprintf("\nThe variables that have the value %s, in order of assignment, are", value)}
	letters := rng.Perm(26)
	name := func(i int) string { return strings.Repeat(string(rune('A'+letters[i])), 3) }
	from := value
	for i := range hops {
		at := depth + (1-depth)*float64(i)/hops
		p.facts = append(p.facts, fact{at, fmt.Sprintf("\nVAR %s = %s\n", name(i), from)})
		p.answers = append(p.answers, name(i))
		from = "VAR " + name(i)
	}
	return p
}
