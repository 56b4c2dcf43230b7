package tokenizer

import (
	"fmt"
	"unicode/utf8"

	"longlora/internal/tokenizer/ucd"
)

// step is a stage of the pre-tokenizer: it cuts a piece into pieces, which go on to the next step in
// order, and may change them. Pieces that are empty do not go on.
type step interface {
	// cut calls e.through(k+1, …) with each part of p; k is the step's own place.
	cut(e *Encoder, k int, p piece)
	// fresh returns the step for one goroutine.
	fresh() step
}

// stepTable reads each type of pre-tokenizer from its object in the file.
var stepTable = map[string]func(stage) ([]step, error){
	"ByteLevel":       readByteLevel,
	"Metaspace":       readMetaspace,
	"Split":           readSplit,
	"Digits":          readDigits,
	"Punctuation":     readPunctuation,
	"Whitespace":      func(stage) ([]step, error) { return []step{words()}, nil },
	"WhitespaceSplit": func(stage) ([]step, error) { return []step{atEach("whitespace", removed)}, nil },
	"BertPreTokenizer": func(stage) ([]step, error) {
		return []step{atEach("whitespace", removed), atEach("punctuation", isolated)}, nil
	},
	"CharDelimiterSplit": readDelimiter,
	"FixedLength":        readFixedLength,
}

func (s *spec) readPreTokenizer(c *fileJSON) error {
	stages, err := readStages("pre_tokenizer", c.PreTokenizer)
	if err != nil {
		return err
	}
	for _, st := range stages {
		read, ok := stepTable[st.Type]
		if !ok {
			return fmt.Errorf("pre_tokenizer: type %q is not supported", st.Type)
		}
		steps, err := read(st)
		if err != nil {
			return fmt.Errorf("pre_tokenizer: %s: %w", st.Type, err)
		}
		s.byteLevel = s.byteLevel || st.Type == "ByteLevel"
		s.steps = append(s.steps, steps...)
	}
	return nil
}

// behavior is what becomes of the matches of a pattern that text is split by.
type behavior uint8

const (
	isolated   behavior = iota // each is a piece
	removed                    // they are dropped
	withPrev                   // each belongs to the piece before
	withNext                   // each belongs to the piece behind
	contiguous                 // neighbouring ones are one piece
)

func readBehavior(name string) (behavior, error) {
	for b, n := range []string{
		"Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous",
	} {
		if n == name {
			return behavior(b), nil
		}
	}
	return 0, fmt.Errorf("behavior %q is not supported", name)
}

// splitStep cuts at the matches of a pattern or, inverted, at what lies between them.
type splitStep struct {
	find     finder
	behavior behavior
	invert   bool
}

func readSplit(st stage) ([]step, error) {
	b, err := readBehavior(st.Behavior)
	if err != nil {
		return nil, err
	}
	if st.Pattern != nil && st.Pattern.Regex != nil && b == isolated {
		if scan, ok := scanners[*st.Pattern.Regex]; ok {
			return []step{scan}, nil
		}
	}
	f, err := st.Pattern.compile()
	if err != nil {
		return nil, err
	}
	return []step{splitStep{f, b, st.Invert}}, nil
}

func atEach(set string, b behavior) step { return splitStep{oneOf{bitmap(set)}, b, false} }

// words is \w+|[^\w\s]+ of the Whitespace pre-tokenizer.
func words() step {
	word := ucd.Must("regex:word")
	return splitStep{runs{ucd.Classify(word, word.Or(ucd.Must("whitespace")).Not())}, removed, true}
}

func readDigits(st stage) ([]step, error) {
	if st.Individual {
		return []step{atEach("digits", isolated)}, nil
	}
	return []step{atEach("digits", contiguous)}, nil
}

func readPunctuation(st stage) ([]step, error) {
	if st.Behavior == "" {
		st.Behavior = "Isolated"
	}
	b, err := readBehavior(st.Behavior)
	return []step{atEach("punctuation", b)}, err
}

func readDelimiter(st stage) ([]step, error) {
	if utf8.RuneCountInString(st.Delimiter) != 1 {
		return nil, fmt.Errorf("delimiter %q is not one character", st.Delimiter)
	}
	return []step{splitStep{literal(st.Delimiter), removed, false}}, nil
}

func (s splitStep) fresh() step { return splitStep{s.find.fresh(), s.behavior, s.invert} }

func (s splitStep) cut(e *Encoder, k int, p piece) {
	j := joiner{e: e, k: k, p: p, behavior: s.behavior}
	done := 0
	for done < len(p.text) {
		start, end := s.find.find(p.text, done)
		if start < 0 {
			break
		}
		j.add(done, start, s.invert)
		j.add(start, end, !s.invert)
		done = end
	}
	j.add(done, len(p.text), s.invert)
	j.flush()
}

// joiner puts the matches and what lies between together as the behavior says.
type joiner struct {
	e        *Encoder
	k        int
	p        piece
	behavior behavior
	from, to int  // the piece that is held back
	matched  bool // the last part was a match
}

// add takes the next part of the text; parts that are empty do not count.
func (j *joiner) add(from, to int, match bool) {
	if from == to {
		return
	}
	joins := false
	switch j.behavior {
	case contiguous:
		joins = match == j.matched
	case withPrev:
		joins = match && !j.matched
	case withNext:
		joins = !match && j.matched
	case removed:
		if match {
			return
		}
	}
	if !joins {
		j.flush()
		j.from = from
	}
	j.to, j.matched = to, match
}

// flush sends on what is held back.
func (j *joiner) flush() {
	if j.from < j.to {
		j.e.through(j.k+1, j.p.slice(j.from, j.to))
	}
	j.from = j.to
}

// byteLevelStep puts a space before a piece, if asked to, cuts it by GPT-2's pattern, if asked to, and
// writes bytes as the characters that stand for them. If it is the last step it leaves the latter
// out: the model takes bytes.
type byteLevelStep struct {
	addSpace, gpt2 bool
	last           bool
}

func readByteLevel(st stage) ([]step, error) {
	return []step{byteLevelStep{addSpace: or(st.AddPrefixSpace, true), gpt2: or(st.UseRegex, true)}}, nil
}

func (s byteLevelStep) fresh() step { return s }

func (s byteLevelStep) cut(e *Encoder, k int, p piece) {
	if s.addSpace && p.text[0] != ' ' {
		p = prepend(" ").apply(p)
	}
	for i := 0; i < len(p.text); {
		j := len(p.text)
		if s.gpt2 {
			j = nextGPT2(p.text, i)
		}
		part := p.slice(i, j)
		if !s.last {
			part = printableBytes{}.apply(part)
		}
		e.through(k+1, part)
		i = j
	}
}

// metaspaceStep writes spaces as marks, puts a mark before a piece that begins with none, and cuts
// before each mark, if asked to.
type metaspaceStep struct {
	mark   string
	scheme scheme
	split  bool
}

// scheme says where a mark is put before the text.
type scheme uint8

const (
	never      scheme = iota
	atTheFirst        // before the piece that begins the input
	always
)

func readMetaspace(st stage) ([]step, error) {
	if utf8.RuneCountInString(st.Replacement) != 1 {
		return nil, fmt.Errorf("replacement %q is not one character", st.Replacement)
	}
	scheme, err := readScheme(st)
	return []step{metaspaceStep{st.Replacement, scheme, or(st.SplitWords, true)}}, err
}

// readScheme reads prepend_scheme or its older form, add_prefix_space.
func readScheme(st stage) (scheme, error) {
	name := "always"
	if st.PrependScheme != nil {
		name = *st.PrependScheme
	}
	if !or(st.AddPrefixSpace, true) {
		if name != "never" {
			return 0, fmt.Errorf("add_prefix_space is false and prepend_scheme is %q", name)
		}
	}
	switch name {
	case "always":
		return always, nil
	case "first":
		return atTheFirst, nil
	case "never":
		return never, nil
	}
	return 0, fmt.Errorf("prepend_scheme %q is not supported", name)
}

func (s metaspaceStep) fresh() step { return s }

func (s metaspaceStep) cut(e *Encoder, k int, p piece) {
	p = replace{literal(" "), s.mark}.apply(p)
	if s.wantsMark(p) {
		p = prepend(s.mark).apply(p)
	}
	if !s.split {
		e.through(k+1, p)
		return
	}
	splitStep{literal(s.mark), withNext, false}.cut(e, k, p)
}

// wantsMark reports whether a mark goes before p, whose spaces are marks already.
func (s metaspaceStep) wantsMark(p piece) bool {
	if len(p.text) >= len(s.mark) && p.text[:len(s.mark)] == s.mark {
		return false
	}
	return s.scheme == always || s.scheme == atTheFirst && p.first
}

// fixedLength cuts after every n characters.
type fixedLength int

func readFixedLength(st stage) ([]step, error) {
	n := 5
	if st.Length != nil {
		n = *st.Length
	}
	if n < 1 {
		return nil, fmt.Errorf("length %d is below 1", n)
	}
	return []step{fixedLength(n)}, nil
}

func (s fixedLength) fresh() step { return s }

func (s fixedLength) cut(e *Encoder, k int, p piece) {
	start, count := 0, 0
	for i := range p.text {
		if count == int(s) {
			e.through(k+1, p.slice(start, i))
			start, count = i, 0
		}
		count++
	}
	e.through(k+1, p.slice(start, len(p.text)))
}
