// Package score compares predictions with accepted answers, by published definitions.
package score

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"longlora/longqa/jieba"
)

// Metric is one way of scoring a prediction against one answer, from 0 to 1. Each is a line of the
// table.
type Metric struct {
	Name  string
	About string
	// Chinese metrics need words cut by jieba.
	Chinese bool
	score   func(s *Scorer, prediction, answer string, classes []string) float64
}

// metrics is the table.
var metrics = [...]Metric{
	{Name: "exact", About: "exact match after SQuAD's normalization", score: exact},
	{Name: "f1", About: "F1 over words after SQuAD's normalization; LongBench's qa_f1", score: f1},
	{Name: "rouge-l", About: "ROUGE-L F1 of the Python package rouge-score, without stemming",
		score: rougeL},
	{Name: "passkey", About: "the answer's numbers stand in the prediction, in their order",
		score: passkey},
	{Name: "choice", About: "the letter that is chosen of a multiple-choice question",
		score: choiceLetter},
	{Name: "longbench-rouge", About: "LongBench's rouge: ROUGE-L F1 of the Python package rouge",
		score: longBenchRouge},
	{Name: "longbench-f1-zh", About: "LongBench's qa_f1_zh: F1 over words cut by jieba", Chinese: true,
		score: f1Chinese},
	{Name: "longbench-rouge-zh", About: "LongBench's rouge_zh: its rouge over words cut by jieba",
		Chinese: true, score: rougeChinese},
	{Name: "longbench-count", About: "LongBench's count: the part of numbers that are right",
		score: count},
	{Name: "longbench-retrieval", About: "LongBench's retrieval of a paragraph's number",
		score: retrieval("Paragraph ")},
	{Name: "longbench-retrieval-zh", About: "LongBench's retrieval_zh", score: retrieval("段落")},
	{Name: "longbench-classification", About: "LongBench's classification", score: classification},
	{Name: "longbench-code", About: "LongBench's code_sim: fuzzywuzzy's ratio of one line",
		score: codeSimilarity},
}

// Names lists the metrics.
func Names() []string {
	var names []string
	for _, m := range metrics {
		names = append(names, m.Name)
	}
	return names
}

// Find returns the metric with a name.
func Find(name string) (Metric, error) {
	for _, m := range metrics {
		if m.Name == name {
			return m, nil
		}
	}
	return Metric{}, fmt.Errorf("unknown metric %q; there are %s", name, strings.Join(Names(), ", "))
}

// longBench are the metrics of LongBench's tasks (eval.py, dataset2metric).
var longBench = map[string]string{
	"narrativeqa": "f1", "qasper": "f1", "multifieldqa_en": "f1", "multifieldqa_zh": "longbench-f1-zh",
	"hotpotqa": "f1", "2wikimqa": "f1", "musique": "f1", "dureader": "longbench-rouge-zh",
	"gov_report": "longbench-rouge", "qmsum": "longbench-rouge", "multi_news": "longbench-rouge",
	"vcsum": "longbench-rouge-zh", "trec": "longbench-classification", "triviaqa": "f1",
	"samsum": "longbench-rouge", "lsht": "longbench-classification",
	"passage_retrieval_en": "longbench-retrieval", "passage_count": "longbench-count",
	"passage_retrieval_zh": "longbench-retrieval-zh", "lcc": "longbench-code",
	"repobench-p": "longbench-code",
}

// firstLine are LongBench's tasks of which only the first line of a prediction counts.
var firstLine = map[string]bool{"trec": true, "triviaqa": true, "samsum": true, "lsht": true}

// Scorer scores predictions. It may be used concurrently.
type Scorer struct {
	// Words cuts Chinese texts; nil makes the Chinese metrics unavailable.
	Words *jieba.Segmenter
}

// Score is the best score over the accepted answers.
func (s *Scorer) Score(m Metric, prediction string, answers, classes []string) float64 {
	best := 0.0
	for _, a := range answers {
		best = max(best, m.score(s, prediction, a, classes))
	}
	return best
}

// isPunctuation tells Python's string.punctuation.
func isPunctuation(r rune) bool {
	return r > ' ' && r < 127 && !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' &&
		r <= 'z')
}

// isSpace is Python's str.isspace, which has four separators that Go's has not.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// fields is Python's str.split.
func fields(text string) []string { return strings.FieldsFunc(text, isSpace) }

// normalize is SQuAD's normalize_answer (https://rajpurkar.github.io/SQuAD-explorer,
// evaluate-v1.1.py): lower case, no punctuation, no articles, single spaces.
func normalize(text string) []string {
	text = strings.Map(func(r rune) rune {
		if isPunctuation(r) {
			return -1
		}
		return r
	}, strings.ToLower(text))
	var b strings.Builder
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || r == '_' }
	for len(text) > 0 {
		i := strings.IndexFunc(text, func(r rune) bool { return !word(r) })
		if i < 0 {
			i = len(text)
		}
		switch text[:i] {
		case "a", "an", "the":
			b.WriteByte(' ')
		default:
			b.WriteString(text[:i])
		}
		text = text[i:]
		k := strings.IndexFunc(text, word)
		if k < 0 {
			k = len(text)
		}
		b.WriteString(text[:k])
		text = text[k:]
	}
	return fields(b.String())
}

func exact(_ *Scorer, prediction, answer string, _ []string) float64 {
	if strings.Join(normalize(prediction), " ") == strings.Join(normalize(answer), " ") {
		return 1
	}
	return 0
}

func f1(_ *Scorer, prediction, answer string, _ []string) float64 {
	return overlapF1(normalize(prediction), normalize(answer))
}

// overlapF1 is F1 over two bags of words.
func overlapF1(prediction, answer []string) float64 {
	counts := map[string]int{}
	for _, w := range answer {
		counts[w]++
	}
	same := 0
	for _, w := range prediction {
		if counts[w] > 0 {
			counts[w]--
			same++
		}
	}
	if same == 0 {
		return 0
	}
	precision := float64(same) / float64(len(prediction))
	recall := float64(same) / float64(len(answer))
	return (2 * precision * recall) / (precision + recall)
}

// chineseMarks are those that LongBench's normalize_zh_answer removes beside ASCII's.
const chineseMarks = "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟" +
	"〰〾〿–—‘’‛“”„‟…‧﹏."

func f1Chinese(s *Scorer, prediction, answer string, _ []string) float64 {
	words := func(text string) []string {
		var all []string
		for _, w := range s.Words.Cut(text) {
			w = strings.Map(func(r rune) rune {
				if isPunctuation(r) || strings.ContainsRune(chineseMarks, r) || isSpace(r) {
					return -1
				}
				return r
			}, strings.ToLower(w))
			if w != "" {
				all = append(all, w)
			}
		}
		return all
	}
	return overlapF1(words(prediction), words(answer))
}

// rougeL is rouge-score's rougeL: longest common subsequence of lower-case ASCII words.
func rougeL(_ *Scorer, prediction, answer string, _ []string) float64 {
	tokens := func(text string) []string {
		return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
		})
	}
	p, a := tokens(prediction), tokens(answer)
	if len(p) == 0 || len(a) == 0 {
		return 0
	}
	common := float64(lcsLength(a, p))
	precision, recall := common/float64(len(p)), common/float64(len(a))
	if precision+recall == 0 {
		return 0
	}
	return 2 * precision * recall / (precision + recall)
}

func lcsLength(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			up := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(up, row[j])
			}
			diagonal = up
		}
	}
	return row[len(b)]
}

// numbers finds runs of digits, as Python's \d+.
func numbers(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsDigit(r) })
}

// passkey is 1 if all numbers of the answer stand in the prediction in their order.
func passkey(_ *Scorer, prediction, answer string, _ []string) float64 {
	want := numbers(answer)
	if len(want) == 0 {
		return 0
	}
	for _, n := range numbers(prediction) {
		if len(want) > 0 && n == want[0] {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		return 0
	}
	return 1
}

// choiceLetter compares the letters that prediction and answer choose.
func choiceLetter(_ *Scorer, prediction, answer string, _ []string) float64 {
	want := chosen(answer)
	if want != "" && chosen(prediction) == want {
		return 1
	}
	return 0
}

// choiceForms are the ways of naming a choice, the surest first: "(B)", "the answer is B", "B." or
// "B" at the beginning. A letter within a sentence, as "A fox" or "I", is none.
var choiceForms = [...]*regexp.Regexp{
	regexp.MustCompile(`\(([A-Z])\)`),
	regexp.MustCompile(`(?i:answer|option|choice)[^\pL\pN]+(?:is[^\pL\pN]+)?([A-Z])(?:[^\pL\pN]|$)`),
	regexp.MustCompile(`^[^\pL\pN]*([A-Z])(?:[.):,\n]|\s*$)`),
}

func chosen(text string) string {
	for _, form := range choiceForms {
		if m := form.FindStringSubmatch(text); m != nil {
			return m[1]
		}
	}
	return ""
}

func count(_ *Scorer, prediction, answer string, _ []string) float64 {
	all := numbers(prediction)
	right := 0
	for _, n := range all {
		if n == answer {
			right++
		}
	}
	if len(all) == 0 {
		return 0
	}
	return float64(right) / float64(len(all))
}

// retrieval compares the number after a word in the answer with those of the prediction.
func retrieval(word string) func(*Scorer, string, string, []string) float64 {
	return func(s *Scorer, prediction, answer string, _ []string) float64 {
		for rest := answer; ; {
			_, after, found := strings.Cut(rest, word)
			if !found {
				return 0
			}
			end := strings.IndexFunc(after, func(r rune) bool { return !unicode.IsDigit(r) })
			if end < 0 {
				end = len(after)
			}
			if end > 0 {
				return count(s, prediction, after[:end], nil)
			}
			rest = after
		}
	}
}

// classification is LongBench's, with its way of removing from the list that it goes through.
func classification(_ *Scorer, prediction, answer string, classes []string) float64 {
	var found []string
	for _, c := range classes {
		if strings.Contains(prediction, c) {
			found = append(found, c)
		}
	}
	for i := 0; i < len(found); i++ {
		if term := found[i]; strings.Contains(answer, term) && term != answer {
			for k := range found {
				if found[k] == term {
					found = append(found[:k], found[k+1:]...)
					break
				}
			}
		}
	}
	for _, c := range found {
		if c == answer {
			return 1 / float64(len(found))
		}
	}
	return 0
}
