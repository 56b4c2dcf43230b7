package build

import (
	"slices"
	"strings"

	"longlora/pipeline/split"
)

// duplicates finds questions that ask nearly the same about the same documents: those that name
// nearly the same things, however they are worded. It takes about 800 bytes a question.
type duplicates struct {
	asked []askedBefore
	bands map[bandKey][]int32 // numbers of questions whose sketches agree on a band
}

type askedBefore struct {
	task, things string
	docs         []string
}

type bandKey struct {
	band int
	hash uint64
}

// nearlyAll is the part of the words of two questions' things that both have, from which they ask
// the same.
const nearlyAll = 0.8

func newDuplicates() *duplicates { return &duplicates{bands: map[bandKey][]int32{}} }

// things are what a question and its answer name: what stands in quotation marks and the numbers.
func things(o offer) string {
	var b strings.Builder
	for _, text := range []string{o.Question, o.Answer} {
		inside := false
		for _, r := range text {
			switch {
			case strings.ContainsRune("`", r):
				inside = !inside
				b.WriteByte(' ')
			case !inside && strings.ContainsRune("“„«「", r):
				inside = true
				b.WriteByte(' ')
			case inside && strings.ContainsRune("”“»」", r):
				inside = false
			case inside || '0' <= r && r <= '9':
				b.WriteRune(r)
			case !inside && r == ' ':
				b.WriteByte(' ')
			}
		}
		b.WriteByte(' ')
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// bandsOf are the bands of the things' sketch, and of the sorted things' sketch: the order in which
// things are asked for makes no difference.
func bandsOf(things string) []bandKey {
	words := strings.Fields(things)
	slices.Sort(words)
	var keys []bandKey
	for band, hash := range split.SketchOf(things) {
		keys = append(keys, bandKey{band, hash})
	}
	for band, hash := range split.SketchOf(strings.Join(words, " ")) {
		keys = append(keys, bandKey{band + split.Bands, hash})
	}
	return keys
}

// has reports whether nearly the same was asked before about one of the documents.
func (d *duplicates) has(o offer, docs []string) bool {
	t := things(o)
	if t == "" {
		return false
	}
	seen := map[int32]bool{}
	for _, key := range bandsOf(t) {
		for _, i := range d.bands[key] {
			a := &d.asked[i]
			if !seen[i] && a.task == o.task && share(a.docs, docs) && overlap(a.things, t) >= nearlyAll {
				return true
			}
			seen[i] = true
		}
	}
	return false
}

func (d *duplicates) add(o offer, docs []string) {
	t := things(o)
	if t == "" {
		return
	}
	n := int32(len(d.asked))
	d.asked = append(d.asked, askedBefore{o.task, t, docs})
	for _, key := range bandsOf(t) {
		d.bands[key] = append(d.bands[key], n)
	}
}

func share(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// overlap is the Jaccard similarity of two texts' sets of words.
func overlap(a, b string) float64 {
	set := map[string]bool{}
	for _, w := range strings.Fields(a) {
		set[w] = true
	}
	first, both, second := len(set), 0, map[string]bool{}
	for _, w := range strings.Fields(b) {
		if !second[w] && set[w] {
			both++
		}
		second[w] = true
	}
	return float64(both) / float64(max(first+len(second)-both, 1))
}
