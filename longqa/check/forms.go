package check

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"longlora/schemas"
)

// passages orders the lettered sentences of the question by where they stand.
func (c *checker) passages(e *schemas.Example) error {
	place := map[string]int{}
	var letters []string
	for line := range strings.Lines(e.Instruction) {
		letter, rest, ok := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		if !ok || len(letter) != 1 || letter < "A" || letter > "Z" {
			continue
		}
		quoted, _ := quotes(rest)
		if len(quoted) != 1 {
			return fmt.Errorf("passage %s is not quoted", letter)
		}
		from, _, err := c.dense().only(quoted[0])
		if err != nil {
			return err
		}
		if err := c.evidenceCovers(e, quoted[0]); err != nil {
			return err
		}
		place[letter] = from
		letters = append(letters, letter)
	}
	if len(letters) < 2 {
		return errors.New("the question has no passages")
	}
	return saysOnly(e.Output, inOrder(letters, place), nil)
}

// origin finds the document, by the titles in their order, that has a sentence.
func (c *checker) origin(e *schemas.Example) error {
	sentence := e.Meta["sentence"]
	if err := asks(e, sentence); err != nil {
		return err
	}
	from, _, err := c.dense().only(sentence)
	if err != nil {
		return err
	}
	title, at := "", 0
	titles := strings.Split(e.Meta["titles"], "\n")
	if len(titles) != len(e.DocIDs) || len(titles) < 2 {
		return fmt.Errorf("%d titles of %d documents", len(titles), len(e.DocIDs))
	}
	for _, t := range titles {
		i := strings.Index(c.context[at:], "# "+t+"\n\n")
		if i < 0 || at+i > 0 && c.context[at+i-1] != '\n' {
			return fmt.Errorf("the document %q does not begin in the context", t)
		}
		at += i
		if at <= from {
			title = t
		}
		at++
	}
	if err := c.evidenceCovers(e, sentence); err != nil {
		return err
	}
	return saysOnly(e.Output, []string{title}, nil)
}

// wide reports whether a letter is of a script without spaces.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar)
}

// occurrences counts a word: a run of letters, digits and marks, or, of wide letters, a text.
func (c *checker) occurrences(word string) int {
	for _, r := range word {
		if wide(r) {
			return strings.Count(c.context, word)
		}
	}
	if c.count == nil {
		c.count = map[string]int{}
		for _, w := range strings.FieldsFunc(c.context, func(r rune) bool {
			return wide(r) || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
		}) {
			c.count[w]++
		}
	}
	return c.count[word]
}

func (c *checker) words(e *schemas.Example) error {
	words := strings.Split(e.Meta["words"], "\n")
	best, most, second := "", 0, 0
	evidence := 0
	for _, w := range words {
		if err := asks(e, w); err != nil {
			return err
		}
		n := c.occurrences(w)
		evidence += n
		if n > most {
			best, most, second = w, n, most
		} else if n > second {
			second = n
		}
		if err := c.evidenceHas(e, w); err != nil {
			return err
		}
	}
	if most == 0 || most == second {
		return fmt.Errorf("no word is the most frequent: %d and %d times", most, second)
	}
	if evidence != len(e.Evidence) {
		return fmt.Errorf("%d occurrences, and %d pieces of evidence", evidence, len(e.Evidence))
	}
	return saysOnly(e.Output, []string{best}, []string{strconv.Itoa(most)})
}

// speaker finds who says a line.
func (c *checker) speaker(e *schemas.Example) error {
	said := e.Meta["sentence"]
	if err := asks(e, said); err != nil {
		return err
	}
	from, last, err := c.dense().only(said)
	if err != nil {
		return err
	}
	if err := c.evidenceCovers(e, said); err != nil {
		return err
	}
	named, _ := quotes(e.Output)
	if len(named) != 1 {
		return fmt.Errorf("the answer names %q", named)
	}
	if e.Meta["speech"] == "quote" {
		err = c.spokenBy(last, named[0])
	} else {
		err = c.turnOf(from, named[0])
	}
	if err != nil {
		return err
	}
	if err := c.evidenceCovers(e, named[0]); err != nil {
		return err
	}
	return saysOnly(e.Output, named, nil)
}

// spokenBy requires that a closing mark, one word and the name follow the last character said, and
// that the name ends there.
func (c *checker) spokenBy(last int, name string) error {
	after := []rune(strings.Join(strings.Fields(c.context[last:min(last+400, len(c.context))]), " "))
	i := 1
	if i >= len(after) || after[i] != '”' && after[i] != '"' {
		return errors.New("what is said does not end in a quotation mark")
	}
	rest := strings.TrimLeft(string(after[i+1:]), " ")
	verb, rest, _ := strings.Cut(rest, " ")
	if !strings.HasPrefix(rest, name) || verb != strings.ToLower(verb) {
		return fmt.Errorf("%.40q does not name %s as the speaker", rest, name)
	}
	next := []rune(rest[len(name):])
	if len(next) > 1 && (unicode.IsLetter(next[0]) || next[0] == ' ' && unicode.IsUpper(next[1])) {
		return fmt.Errorf("the name goes on: %.40q", rest)
	}
	if strings.HasPrefix(string(next), " and ") || strings.HasPrefix(string(next), " or ") {
		return fmt.Errorf("several speak: %.40q", rest)
	}
	return nil
}

// turnOf requires that the line with a byte, or the first line of its paragraph, begins with the
// speaker's name and a mark, or is the name.
func (c *checker) turnOf(at int, name string) error {
	line, start := lineAt(c.context, at)
	for {
		label, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), name)
		label = strings.TrimLeft(label, " \t")
		if ok && (strings.TrimSpace(label) == "" || strings.ContainsRune(":：.", []rune(label)[0])) {
			return nil
		}
		if start == 0 {
			break
		}
		line, start = lineAt(c.context, start-1)
		if strings.TrimSpace(line) == "" {
			break
		}
	}
	return fmt.Errorf("no turn of %s has the line", name)
}

// listed is an entry of a list of references.
type listed struct {
	number int
	work   string
}

var referenceWords = "references bibliography literature-cited works-cited literatur " +
	"literaturverzeichnis bibliographie références referencias bibliografía 参考文献 список-літератури " +
	"література"

// references reads the last list of references, line by line.
func (c *checker) references() []listed {
	var all []listed
	open := false // a list is
	inEntry := false
	for line := range strings.Lines(c.context) {
		text := strings.TrimSpace(line)
		if isReferenceHead(text) {
			all, open, inEntry = nil, true, false
			continue
		}
		if !open {
			continue
		}
		body := strings.TrimLeft(strings.TrimPrefix(strings.TrimRight(line, "\n"), "-"), " \t")
		if strings.HasPrefix(line, " ") {
			body = line
		}
		if n, work, ok := entry(body); ok {
			if n != len(all)+1 {
				open = false
				continue
			}
			all, inEntry = append(all, listed{n, work}), true
			continue
		}
		if text == "" || strings.HasPrefix(text, "#") {
			inEntry = false
		}
		if inEntry {
			all[len(all)-1].work += " " + text
		}
	}
	return all
}

func isReferenceHead(line string) bool {
	line = strings.Trim(line, "#* \t")
	line = strings.TrimSpace(strings.TrimRight(line, ":"))
	if word, rest, ok := strings.Cut(line, " "); ok &&
		strings.Trim(strings.TrimSuffix(word, "."), "0123456789IVXivx") == "" {
		line = strings.TrimSpace(rest)
	}
	return line != "" && isOneOf(strings.ReplaceAll(strings.ToLower(line), " ", "-"), referenceWords)
}

// entry reads "[12] A work".
func entry(line string) (n int, work string, ok bool) {
	if !strings.HasPrefix(line, "[") {
		return 0, "", false
	}
	digits, work, found := strings.Cut(line[1:], "]")
	n, err := strconv.Atoi(digits)
	return n, strings.TrimSpace(work), found && err == nil && len(digits) <= 3 && n >= 0 &&
		strings.TrimLeft(work, " \t") != work
}

func (c *checker) citation(e *schemas.Example) error {
	n, err := strconv.Atoi(e.Meta["reference"])
	all := c.references()
	if err != nil || n < 1 || n > len(all) {
		return fmt.Errorf("the context has %d references, and no number %s", len(all),
			e.Meta["reference"])
	}
	work := densify(all[n-1].work).text
	if _, _, err := c.dense().only(all[n-1].work); err != nil {
		return err
	}
	if err := c.evidenceHas(e, "["+strconv.Itoa(n)+"]"); err != nil {
		return err
	}
	if e.Meta["asked"] == "number" {
		quoted, _ := quotes(e.Instruction)
		if len(quoted) != 1 || densify(quoted[0]).text != work {
			return fmt.Errorf("the question is not about %q", all[n-1].work)
		}
		return saysOnly(e.Output, nil, []string{strconv.Itoa(n)})
	}
	if e.Meta["asked"] == "cited" {
		if err := c.cites(e, n); err != nil {
			return err
		}
	} else if got := digitRuns.FindAllString(e.Instruction, -1); len(got) != 1 ||
		got[0] != strconv.Itoa(n) {
		return fmt.Errorf("the question is about the numbers %q", got)
	}
	quoted, _ := quotes(e.Output)
	if len(quoted) != 1 || densify(quoted[0]).text != work {
		return fmt.Errorf("the answer quotes %q, reference %d is %q", quoted, n, all[n-1].work)
	}
	return saysOnly(e.Output, quoted, []string{strconv.Itoa(n)})
}

// cites requires that a question is about a sentence of the context that has one number in
// brackets, that of a work.
func (c *checker) cites(e *schemas.Example, n int) error {
	sentence := e.Meta["sentence"]
	if err := asks(e, sentence); err != nil {
		return err
	}
	if _, _, err := c.dense().only(sentence); err != nil {
		return err
	}
	parts := strings.FieldsFunc(sentence, func(r rune) bool { return r == '[' || r == ']' })
	if len(parts) < 2 || strings.Count(sentence, "[") != 1 || strings.Count(sentence, "]") != 1 ||
		!strings.Contains(sentence, "["+strconv.Itoa(n)+"]") {
		return fmt.Errorf("%q does not cite just number %d", sentence, n)
	}
	return c.evidenceCovers(e, sentence)
}

// noReference requires that the list of references ends before a number.
func (c *checker) noReference(e *schemas.Example) error {
	got := digitRuns.FindAllString(e.Instruction, -1)
	all := c.references()
	if len(got) != 1 || len(all) == 0 {
		return fmt.Errorf("the question is about the numbers %q of %d references", got, len(all))
	}
	if n, err := strconv.Atoi(got[0]); err != nil || n <= len(all) {
		return fmt.Errorf("the list has number %s", got[0])
	}
	return saysOnly(e.Output, nil, got)
}

// table looks the one entry with a row and a column up.
func (c *checker) table(e *schemas.Example) error {
	row, column := e.Meta["row"], e.Meta["column"]
	if err := errors.Join(asks(e, row), asks(e, column)); err != nil {
		return err
	}
	var found []string
	var columns []string
	lines := strings.Split(c.context, "\n")
	for i, line := range lines {
		cells := pipes(line)
		switch {
		case cells == nil:
			columns = nil
		case columns == nil:
			if i+1 < len(lines) && rule(pipes(lines[i+1]), len(cells)) {
				columns = cells
			}
		case len(cells) == len(columns) && cells[0] == row:
			for j, name := range columns {
				if j > 0 && name == column {
					found = append(found, cells[j])
				}
			}
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("the tables have %d entries for %s and %s", len(found), row, column)
	}
	for _, shown := range []string{row, column, found[0]} {
		if err := c.evidenceCovers(e, shown); err != nil {
			return err
		}
	}
	return saysOnly(e.Output, found, nil)
}

// pipes cuts a line of a table into cells; nil if it is none.
func pipes(line string) []string {
	line = strings.TrimSpace(line)
	inner, ok := strings.CutPrefix(line, "|")
	inner, fine := strings.CutSuffix(inner, "|")
	if !ok || !fine {
		return nil
	}
	var cells []string
	for _, c := range strings.Split(inner, "|") {
		cells = append(cells, strings.Join(strings.Fields(c), " "))
	}
	return cells
}

// rule reports whether cells are the dashes below a table's head.
func rule(cells []string, n int) bool {
	for _, c := range cells {
		if strings.Trim(c, "-:") != "" || !strings.Contains(c, "-") {
			return false
		}
	}
	return len(cells) == n
}
