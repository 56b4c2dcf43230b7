// Package jieba cuts Chinese text into words as the Python package jieba 0.42 does in its accurate
// mode: the most probable path through a dictionary of words, and a hidden Markov model for what is
// in none.
//
// The dictionary and the model's tables are jieba's own files, dict.txt and finalseg/prob_*.py,
// read from the folder where the package is installed: with other tables the words, and scores by
// them, differ.
package jieba

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Segmenter cuts texts. It may be used concurrently.
type Segmenter struct {
	freq  map[string]int // 0: the beginning of a word, and none itself
	total float64        // its logarithm
	model model
}

// Open reads the folder of the Python package.
func Open(folder string) (*Segmenter, error) {
	s := &Segmenter{freq: map[string]int{}}
	if err := s.readDictionary(filepath.Join(folder, "dict.txt")); err != nil {
		return nil, fmt.Errorf("jieba: %w; name the folder of the installed Python package jieba", err)
	}
	if err := s.model.read(filepath.Join(folder, "finalseg")); err != nil {
		return nil, fmt.Errorf("jieba: %w", err)
	}
	return s, nil
}

func (s *Segmenter) readDictionary(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	total := 0
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		fields := strings.Split(strings.TrimSpace(in.Text()), " ")
		if len(fields) < 2 {
			return fmt.Errorf("%s line %d: %q is no word with its count", path, n, in.Text())
		}
		count, err := strconv.Atoi(fields[1])
		if err != nil {
			return fmt.Errorf("%s line %d: the count %q is no number", path, n, fields[1])
		}
		word := fields[0]
		s.freq[word] = count
		total += count
		for i := range word {
			if _, ok := s.freq[word[:i]]; !ok && i > 0 {
				s.freq[word[:i]] = 0
			}
		}
	}
	s.total = math.Log(float64(total))
	return in.Err()
}

// inWords are the characters that words are made of: \u4E00-\u9FD5, letters, digits and some signs.
func inWords(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FD5 || r < 128 && (isAlnum(r) || strings.ContainsRune("+#&._%-", r))
}

func isAlnum(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// Cut returns the words of a text; put together they give the text.
func (s *Segmenter) Cut(text string) []string {
	var words []string
	runes := []rune(text)
	for i := 0; i < len(runes); {
		k := i
		for k < len(runes) && inWords(runes[k]) {
			k++
		}
		if k > i {
			words = s.block(words, runes[i:k])
			i = k
			continue
		}
		if runes[i] == '\r' && i+1 < len(runes) && runes[i+1] == '\n' {
			words = append(words, "\r\n")
			i += 2
			continue
		}
		words = append(words, string(runes[i]))
		i++
	}
	return words
}

// block cuts a run of characters of words: single characters that follow each other on the best
// path go to the model, unless they are a word by themselves.
func (s *Segmenter) block(words []string, runes []rune) []string {
	next := s.path(runes)
	var buffer []rune
	flush := func() {
		switch {
		case len(buffer) == 1:
			words = append(words, string(buffer))
		case len(buffer) > 1 && s.freq[string(buffer)] == 0:
			words = s.model.cut(words, buffer)
		default:
			for _, r := range buffer {
				words = append(words, string(r))
			}
		}
		buffer = buffer[:0]
	}
	for x := 0; x < len(runes); x = next[x] {
		if next[x]-x == 1 {
			buffer = append(buffer, runes[x])
			continue
		}
		flush()
		words = append(words, string(runes[x:next[x]]))
	}
	flush()
	return words
}

// path is the most probable way: from every place where the next word begins. Of equals the longest
// word is taken.
func (s *Segmenter) path(runes []rune) []int {
	n := len(runes)
	best, next := make([]float64, n+1), make([]int, n)
	for i := n - 1; i >= 0; i-- {
		best[i], next[i] = math.Inf(-1), i+1
		found := false
		try := func(end, count int) {
			p := math.Log(float64(max(count, 1))) - s.total + best[end]
			if p >= best[i] {
				best[i], next[i] = p, end
			}
		}
		for end := i + 1; end <= n; end++ {
			count, ok := s.freq[string(runes[i:end])]
			if !ok {
				break
			}
			if count > 0 {
				found = true
				try(end, count)
			}
		}
		if !found {
			try(i+1, 0)
		}
	}
	return next
}

// model is the hidden Markov model: characters begin a word, stand in its middle, end it, or are
// one.
type model struct {
	start map[byte]float64
	trans map[byte]map[byte]float64
	emit  map[byte]map[rune]float64
}

// least stands for what the tables do not have.
const least = -3.14e100

// before are the states that may come before each.
var before = map[byte]string{'B': "ES", 'M': "MB", 'S': "SE", 'E': "BM"}

const states = "BMES"

// cut cuts a text of Chinese characters and others: others are cut into numbers, with what follows
// them, and the rest.
func (m *model) cut(words []string, runes []rune) []string {
	for i := 0; i < len(runes); {
		k := i
		for k < len(runes) && runes[k] >= 0x4E00 && runes[k] <= 0x9FD5 {
			k++
		}
		if k > i {
			words = m.chinese(words, runes[i:k])
			i = k
			continue
		}
		for k < len(runes) && (runes[k] < 0x4E00 || runes[k] > 0x9FD5) {
			k++
		}
		words = others(words, string(runes[i:k]))
		i = k
	}
	return words
}

var latin = regexp.MustCompile(`[a-zA-Z0-9]+(?:\.[0-9]+)?%?`)

func others(words []string, text string) []string {
	at := 0
	for _, m := range latin.FindAllStringIndex(text, -1) {
		if m[0] > at {
			words = append(words, text[at:m[0]])
		}
		words = append(words, text[m[0]:m[1]])
		at = m[1]
	}
	if at < len(text) {
		words = append(words, text[at:])
	}
	return words
}

func (m *model) emitted(state byte, r rune) float64 {
	if p, ok := m.emit[state][r]; ok {
		return p
	}
	return least
}

// chinese finds the most probable states (Viterbi), and cuts by them.
func (m *model) chinese(words []string, runes []rune) []string {
	score := map[byte]float64{}
	back := make([]map[byte]byte, len(runes))
	for i := range states {
		score[states[i]] = m.start[states[i]] + m.emitted(states[i], runes[0])
	}
	for t := 1; t < len(runes); t++ {
		now := map[byte]float64{}
		back[t] = map[byte]byte{}
		for i := range states {
			y := states[i]
			emit := m.emitted(y, runes[t])
			first := true
			for k := range before[y] {
				y0 := before[y][k]
				trans, ok := m.trans[y0][y]
				if !ok {
					trans = least
				}
				p := score[y0] + trans + emit
				if first || p > now[y] || p == now[y] && y0 > back[t][y] {
					now[y], back[t][y], first = p, y0, false
				}
			}
		}
		score = now
	}
	last := byte('E')
	if score['S'] >= score['E'] {
		last = 'S'
	}
	path := make([]byte, len(runes))
	for t := len(runes) - 1; t >= 0; t-- {
		path[t] = last
		last = back[t][last]
	}
	begin, next := 0, 0
	for i, state := range path {
		switch state {
		case 'B':
			begin = i
		case 'E':
			words = append(words, string(runes[begin:i+1]))
			next = i + 1
		case 'S':
			words = append(words, string(runes[i]))
			next = i + 1
		}
	}
	if next < len(runes) {
		words = append(words, string(runes[next:]))
	}
	return words
}

// pair finds the entries of a Python dictionary: a key and a number, or a key before an inner
// dictionary.
var pair = regexp.MustCompile(`'((?:\\u[0-9a-fA-F]{4}|[^'\\]))'\s*:\s*(\{|-?[0-9.]+(?:e[+-]?[0-9]+)?)`)

// read reads the tables as Python source: P={'B': {…}, …} or P={'B': -0.26, …}.
func (m *model) read(folder string) error {
	m.start, m.trans, m.emit = map[byte]float64{}, map[byte]map[byte]float64{}, map[byte]map[rune]float64{}
	for _, f := range []struct {
		name string
		set  func(outer byte, key rune, p float64)
	}{
		{"prob_start.py", func(_ byte, key rune, p float64) { m.start[byte(key)] = p }},
		{"prob_trans.py", func(outer byte, key rune, p float64) {
			if m.trans[outer] == nil {
				m.trans[outer] = map[byte]float64{}
			}
			m.trans[outer][byte(key)] = p
		}},
		{"prob_emit.py", func(outer byte, key rune, p float64) {
			if m.emit[outer] == nil {
				m.emit[outer] = map[rune]float64{}
			}
			m.emit[outer][key] = p
		}},
	} {
		text, err := os.ReadFile(filepath.Join(folder, f.name))
		if err != nil {
			return err
		}
		n := 0
		var outer byte
		for _, found := range pair.FindAllStringSubmatch(string(text), -1) {
			key, err := keyOf(found[1])
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			if found[2] == "{" {
				outer = byte(key)
				continue
			}
			p, err := strconv.ParseFloat(found[2], 64)
			if err != nil {
				return fmt.Errorf("%s: %q is no number", f.name, found[2])
			}
			f.set(outer, key, p)
			n++
		}
		if n == 0 {
			return fmt.Errorf("%s holds no table", f.name)
		}
	}
	return nil
}

func keyOf(s string) (rune, error) {
	if hex, ok := strings.CutPrefix(s, `\u`); ok {
		n, err := strconv.ParseUint(hex, 16, 32)
		return rune(n), err
	}
	r := []rune(s)
	if len(r) != 1 || r[0] == unicode.ReplacementChar {
		return 0, fmt.Errorf("the key %q is no character", s)
	}
	return r[0], nil
}
