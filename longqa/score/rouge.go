package score

import "strings"

// longBenchRouge is ROUGE-L F1 of the Python package rouge 1.0.1 as LongBench calls it: sentences
// end at full stops, and the longest common subsequences of all pairs of sentences are united as
// sets of words.
func longBenchRouge(_ *Scorer, prediction, answer string, _ []string) float64 {
	hyp, ref := rougeSentences(prediction), rougeSentences(answer)
	if len(hyp) == 0 || len(ref) == 0 {
		return 0 // the package raises an error, which LongBench counts as 0
	}
	union := map[string]bool{}
	for _, r := range ref {
		words := strings.Split(r, " ")
		for _, h := range hyp {
			for _, w := range lcsWords(words, strings.Split(h, " ")) {
				union[w] = true
			}
		}
	}
	common := float64(len(union))
	r, p := common/float64(distinct(ref)), common/float64(distinct(hyp))
	return 2 * ((p * r) / (p + r + 1e-8))
}

// rougeSentences cuts at full stops; an empty piece goes, one of spaces stays as an empty sentence.
func rougeSentences(text string) []string {
	var all []string
	for _, s := range strings.Split(text, ".") {
		if s != "" {
			all = append(all, strings.Join(fields(s), " "))
		}
	}
	return all
}

// distinct counts the different words of sentences.
func distinct(sentences []string) int {
	set := map[string]bool{}
	for _, s := range sentences {
		for _, w := range strings.Split(s, " ") {
			set[w] = true
		}
	}
	return len(set)
}

// lcsWords is the longest common subsequence that the package finds: from the end, a tie goes to
// the second text.
func lcsWords(x, y []string) []string {
	n, m := len(x), len(y)
	table := make([][]int32, n+1)
	cells := make([]int32, (n+1)*(m+1))
	for i := range table {
		table[i] = cells[i*(m+1) : (i+1)*(m+1)]
	}
	for i := 1; i <= n; i++ {
		for j := 1; j <= m; j++ {
			if x[i-1] == y[j-1] {
				table[i][j] = table[i-1][j-1] + 1
			} else {
				table[i][j] = max(table[i-1][j], table[i][j-1])
			}
		}
	}
	var words []string
	for i, j := n, m; i > 0 && j > 0; {
		switch {
		case x[i-1] == y[j-1]:
			words = append(words, x[i-1])
			i, j = i-1, j-1
		case table[i-1][j] > table[i][j-1]:
			i--
		default:
			j--
		}
	}
	return words
}

func rougeChinese(s *Scorer, prediction, answer string, _ []string) float64 {
	return longBenchRouge(s, strings.Join(s.Words.Cut(prediction), " "),
		strings.Join(s.Words.Cut(answer), " "), nil)
}
