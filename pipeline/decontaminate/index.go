package decontaminate

import (
	"math/bits"
	"slices"

	"golang.org/x/text/unicode/norm"

	"longlora/pipeline/words"
)

// Index holds the runs of words of evaluation sets, in 34 to 68 bytes each. It is filled by Add and
// then only read, by any number of goroutines.
type Index struct {
	o     Options
	parts [4]bool // by place in Parts
	items []string
	grams table
	short int64
	files []file
}

// NewIndex returns an empty index.
func NewIndex(o Options) (*Index, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	x := &Index{o: o.WithDefaults()}
	for i, p := range Parts() {
		x.parts[i] = slices.Contains(x.o.Parts, p)
	}
	return x, nil
}

// Policy is what becomes of a contaminated document.
func (x *Index) Policy() Policy { return x.o.Policy }

// Items returns the number of evaluation items, and of those among them that have too few words to be
// found.
func (x *Index) Items() (all, short int64) { return int64(len(x.items)), x.short }

// Add puts an evaluation item into the index.
func (x *Index) Add(it Item) {
	before := x.grams.tried
	item := uint32(len(x.items))
	x.items = append(x.items, it.ID)
	queries, answers := hashesOf(it.Queries), hashesOf(it.Answers)
	for _, q := range queries {
		x.add(q, item, 0, func(int) bool { return true })
	}
	for _, a := range answers {
		x.add(a, item, 1, func(int) bool { return true })
	}
	for i, q := range queries {
		for k, a := range answers {
			// Of parallel lists only pairs belong together; else every answer may follow every query.
			if len(queries) == len(answers) && i != k {
				continue
			}
			edge := min(len(q), x.o.Words-1)
			tail := append(slices.Clone(q[len(q)-edge:]), a[:min(len(a), x.o.Words-1)]...)
			x.add(tail, item, 2, func(first int) bool {
				return first < edge && first+x.o.Words > edge
			})
		}
	}
	for _, t := range it.Texts {
		x.addText(t, item)
	}
	if x.grams.tried == before {
		x.short++
	}
}

// add puts the runs of a list of words in of which wanted accepts the place of the first word.
func (x *Index) add(list []uint64, item uint32, part uint8, wanted func(first int) bool) {
	if !x.parts[part] {
		return
	}
	w := words.NewWindow(x.o.Words)
	for i, h := range list {
		if h, _, ok := w.Add(h, 0); ok && wanted(i+1-x.o.Words) {
			x.grams.insert(h, entry{item, part})
		}
	}
}

// addText adds a long text without a list of its words.
func (x *Index) addText(text string, item uint32) {
	const part = 3
	if !x.parts[part] {
		return
	}
	w := words.NewWindow(x.o.Words)
	words.Each(norm.NFC.String(text), func(h uint64, start, _ int) bool {
		if h, _, ok := w.Add(h, start); ok {
			x.grams.insert(h, entry{item, part})
		}
		return true
	})
}

func hashesOf(texts []string) (lists [][]uint64) {
	for _, t := range texts {
		var list []uint64
		words.Each(norm.NFC.String(t), func(h uint64, _, _ int) bool {
			list = append(list, h)
			return true
		})
		lists = append(lists, list)
	}
	return lists
}

// entry says where a run of words comes from.
type entry struct {
	item uint32
	part uint8 // place in Parts
}

// table maps hashes to entries by open addressing. The first entry of a hash stays.
type table struct {
	keys    []uint64 // 0: free
	entries []entry
	// seen has a bit for the high bits of every key, a small part of keys in size, so that most hashes
	// that are not there need no look at keys, which is no more in the processor's cache.
	seen  []uint64
	shift uint
	n     int
	tried int64 // insertions
}

func (t *table) insert(h uint64, e entry) {
	t.tried++
	if 2*(t.n+1) > len(t.keys) {
		t.grow()
	}
	if i, found := t.place(h); !found {
		t.keys[i], t.entries[i] = max(h, 1), e
		t.mark(t.keys[i])
		t.n++
	}
}

func (t *table) find(h uint64) (entry, bool) {
	if bit := max(h, 1) >> t.shift; t.seen[bit/64]>>(bit%64)&1 == 0 {
		return entry{}, false
	}
	i, found := t.place(h)
	return t.entries[i], found
}

// place returns the slot of a hash, or the free one where it would be.
func (t *table) place(h uint64) (slot uint64, found bool) {
	h = max(h, 1)
	mask := uint64(len(t.keys) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		if k := t.keys[i]; k == h || k == 0 {
			return i, k != 0
		}
	}
}

func (t *table) mark(h uint64) {
	bit := h >> t.shift
	t.seen[bit/64] |= 1 << (bit % 64)
}

// seenBits is the number of bits of seen for each slot of keys.
const seenBits = 8

func (t *table) grow() {
	old := *t
	size := 1 << bits.Len(uint(max(2*len(old.keys)-1, 1023)))
	t.keys, t.entries = make([]uint64, size), make([]entry, size)
	t.seen = make([]uint64, size*seenBits/64)
	t.shift = uint(64 - bits.Len(uint(size*seenBits-1)))
	for i, k := range old.keys {
		if k != 0 {
			j, _ := t.place(k)
			t.keys[j], t.entries[j] = k, old.entries[i]
			t.mark(k)
		}
	}
}
