package regex

import "longlora/internal/tokenizer/ucd"

// inst is an instruction of the matcher; control passes to the next one unless it says otherwise.
type inst struct {
	op       op
	set      *charSet // opChar, opRepeat, some of opAssert
	min, max int      // opRepeat
	mode     repeatMode
	assert   assertKind
	targets  []int // opChoice, opSplit: where to go on, the best first
	next     int   // opJump, opAssert, opAtomic: where to go on
	table    *choiceTable
}

type op uint8

const (
	opMatch  op = iota
	opChar      // one character of the set
	opRepeat    // a repetition of characters of the set
	opChoice    // one of many alternatives, those that the next character rules out left out
	opSplit     // one of two, the second when the first fails
	opJump
	opAssert // the assertion holds here; a look ahead runs what follows, up to a match
	opAtomic // the first match of what follows, for good
)

// choiceTable lists, by the next character, which alternatives can match, as bits.
type choiceTable struct {
	ascii [128]uint64
	other uint64
	end   uint64 // at the end of the text
}

// compiler writes a program.
type compiler struct {
	prog []inst
	sets map[*node]*charSet // of the nodes written so far: repetition writes them again
}

// set returns a node's characters in the form that matching uses.
func (c *compiler) set(n *node) *charSet {
	s, ok := c.sets[n]
	if !ok {
		s = newCharSet(n.set)
		c.sets[n] = s
	}
	return s
}

func (c *compiler) add(i inst) int {
	c.prog = append(c.prog, i)
	return len(c.prog) - 1
}

// emit writes the instructions of a node. A program that is already too long is left as it is.
func (c *compiler) emit(n *node) {
	if len(c.prog) > maxProgram {
		return
	}
	switch n.kind {
	case nodeSet:
		c.add(inst{op: opChar, set: c.set(n)})
	case nodeSequence:
		for _, s := range n.subs {
			c.emit(s)
		}
	case nodeChoice:
		c.emitChoice(n)
	case nodeRepeat:
		c.emitRepeat(n)
	case nodeAtomic:
		c.emitInner(inst{op: opAtomic}, n.subs[0])
	case nodeAssert:
		c.emitAssert(n)
	}
}

// emitInner writes an instruction that runs a program of its own, which ends with a match.
func (c *compiler) emitInner(i inst, n *node) {
	at := c.add(i)
	c.emit(n)
	c.add(inst{op: opMatch})
	c.prog[at].next = len(c.prog)
}

func (c *compiler) emitAssert(n *node) {
	i := inst{op: opAssert, assert: n.assert}
	switch n.assert {
	case ahead, notAhead:
		c.emitInner(i, n.subs[0])
		return
	case behind, notBehind:
		i.set = c.set(n.subs[0])
	case wordBoundary, notWordBoundary:
		i.set = newCharSet(ucd.Must("onig:word"))
	}
	i.next = len(c.prog) + 1
	c.add(i)
}

// emitChoice writes up to 64 alternatives as one instruction, more as a choice of choices.
func (c *compiler) emitChoice(n *node) {
	subs := n.subs
	if len(subs) > 64 {
		rest := &node{kind: nodeChoice, subs: subs[63:]}
		subs = append(subs[:63:63], rest)
	}
	at := c.add(inst{op: opChoice, table: newChoiceTable(subs)})
	targets, jumps := make([]int, len(subs)), make([]int, len(subs))
	for i, s := range subs {
		targets[i] = len(c.prog)
		c.emit(s)
		jumps[i] = c.add(inst{op: opJump})
	}
	c.prog[at].targets = targets
	for _, j := range jumps {
		c.prog[j].next = len(c.prog)
	}
}

func newChoiceTable(subs []*node) *choiceTable {
	t := new(choiceTable)
	for i, s := range subs {
		first, empty := s.first()
		if empty {
			first = ucd.Set(nil).Not()
			t.end |= 1 << i
		}
		for r := range t.ascii {
			if first.Has(rune(r)) {
				t.ascii[r] |= 1 << i
			}
		}
		if n := len(first); n > 0 && first[n-1].Last >= 128 {
			t.other |= 1 << i
		}
	}
	return t
}

func (c *compiler) emitRepeat(n *node) {
	sub := n.subs[0]
	if sub.kind == nodeSet {
		c.add(inst{op: opRepeat, set: c.set(sub), min: n.min, max: n.max, mode: n.mode})
		return
	}
	if n.mode == possessive {
		inner := *n
		inner.mode = greedy
		c.emitInner(inst{op: opAtomic}, &inner)
		return
	}
	for range n.min {
		c.emit(sub)
	}
	if n.max == infinite {
		c.emitLoop(sub, n.mode)
		return
	}
	var splits []int
	for range n.max - n.min {
		splits = append(splits, c.add(inst{op: opSplit}))
		c.emit(sub)
		if len(c.prog) > maxProgram {
			return
		}
	}
	for _, at := range splits {
		c.prog[at].targets = branch(at+1, len(c.prog), n.mode)
	}
}

// emitLoop writes sub any number of times.
func (c *compiler) emitLoop(sub *node, mode repeatMode) {
	at := c.add(inst{op: opSplit})
	c.emit(sub)
	c.add(inst{op: opJump, next: at})
	c.prog[at].targets = branch(at+1, len(c.prog), mode)
}

// branch orders going on with a repetition and leaving it.
func branch(on, out int, mode repeatMode) []int {
	if mode == lazy {
		return []int{out, on}
	}
	return []int{on, out}
}
