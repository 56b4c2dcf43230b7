package score

import (
	"math"
	"strings"
)

// codeSimilarity is LongBench's code_sim: the first line of a prediction that is no comment nor
// fence, by the ratio of the Python package fuzzywuzzy over difflib, in whole hundredths.
func codeSimilarity(_ *Scorer, prediction, answer string, _ []string) float64 {
	line := ""
	for l := range strings.SplitSeq(strings.TrimLeft(prediction, "\n"), "\n") {
		if !strings.ContainsAny(l, "`#") && !strings.Contains(l, "//") {
			line = l
			break
		}
	}
	switch {
	case line == answer:
		return 1
	case line == "" || answer == "":
		return 0
	}
	return math.RoundToEven(100*ratio([]rune(line), []rune(answer))) / 100
}

// ratio is difflib's SequenceMatcher(None, a, b).ratio(): twice the length of the matching blocks
// by that of both.
func ratio(a, b []rune) float64 {
	m := matcher{a: a, b: b, at: map[rune][]int{}}
	for j, r := range b {
		m.at[r] = append(m.at[r], j)
	}
	if n := len(b); n >= popularFrom {
		for r, places := range m.at {
			if len(places) > n/100+1 {
				delete(m.at, r)
			}
		}
	}
	return 2 * float64(m.matching(0, len(a), 0, len(b))) / float64(len(a)+len(b))
}

// popularFrom is the length from which difflib looks for no match at what is in more than 1 % of b.
const popularFrom = 200

// matcher looks for what two texts have in common. at has the places of b's code points.
type matcher struct {
	a, b []rune
	at   map[rune][]int
}

// matching is the length of the longest match in two ranges, and of those to its left and right.
func (m *matcher) matching(aFrom, aTo, bFrom, bTo int) int {
	i, j, n := m.longest(aFrom, aTo, bFrom, bTo)
	if n == 0 {
		return 0
	}
	return m.matching(aFrom, i, bFrom, j) + n + m.matching(i+n, aTo, j+n, bTo)
}

// longest finds the first longest match, made longer by what is popular at its ends.
func (m *matcher) longest(aFrom, aTo, bFrom, bTo int) (i, j, n int) {
	i, j = aFrom, bFrom
	lengths := map[int]int{} // of the matches that end at a place of b
	for x := aFrom; x < aTo; x++ {
		next := map[int]int{}
		for _, y := range m.at[m.a[x]] {
			if y < bFrom {
				continue
			}
			if y >= bTo {
				break
			}
			k := lengths[y-1] + 1
			next[y] = k
			if k > n {
				i, j, n = x-k+1, y-k+1, k
			}
		}
		lengths = next
	}
	for i > aFrom && j > bFrom && m.a[i-1] == m.b[j-1] {
		i, j, n = i-1, j-1, n+1
	}
	for i+n < aTo && j+n < bTo && m.a[i+n] == m.b[j+n] {
		n++
	}
	return i, j, n
}
