package torchfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The opcodes that are known, by their names in Python's pickle module.
const (
	opMark            = '('
	opStop            = '.'
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opBinInt2         = 'M'
	opNone            = 'N'
	opBinPersID       = 'Q'
	opReduce          = 'R'
	opBinUnicode      = 'X'
	opShortBinUnicode = 0x8c
	opAppend          = 'a'
	opBuild           = 'b'
	opGlobal          = 'c'
	opAppends         = 'e'
	opBinGet          = 'h'
	opLongBinGet      = 'j'
	opEmptyList       = ']'
	opEmptyTuple      = ')'
	opEmptyDict       = '}'
	opBinPut          = 'q'
	opLongBinPut      = 'r'
	opSetItem         = 's'
	opSetItems        = 'u'
	opTuple           = 't'
	opBinFloat        = 'G'
	opProto           = 0x80
	opTuple1          = 0x85
	opTuple2          = 0x86
	opTuple3          = 0x87
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opLong1           = 0x8a
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95
)

// The values of a pickle are nil, bool, int64, float64, string, global and these.
type (
	tuple []any
	list  struct{ items []any }
	// dict keeps keys in the order in which they came; all are strings or numbers.
	dict struct {
		keys   []any
		values map[any]any
	}
	mark struct{}
)

func newDict() *dict { return &dict{values: map[any]any{}} }

func (d *dict) set(key, value any) error {
	switch key.(type) {
	case string, int64, float64, bool:
	default:
		return fmt.Errorf("a dictionary has a key of type %T", key)
	}
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = value
	return nil
}

// machine runs a pickle.
type machine struct {
	code  []byte
	at    int
	stack []any
	memo  map[uint32]any
}

var errEnd = errors.New("the pickle ends within an instruction")

// run returns the value that a pickle makes.
func run(code []byte) (any, error) {
	m := &machine{code: code, memo: map[uint32]any{}}
	for {
		at := m.at
		op, err := m.next(1)
		if err == nil && op[0] == opStop {
			return m.pop()
		}
		if err == nil {
			err = m.step(op[0])
		}
		if err != nil {
			return nil, fmt.Errorf("byte %d of the pickle: %w", at, err)
		}
	}
}

func (m *machine) next(n int) ([]byte, error) {
	if n < 0 || n > len(m.code)-m.at {
		return nil, errEnd
	}
	m.at += n
	return m.code[m.at-n : m.at], nil
}

func (m *machine) push(v any) error {
	m.stack = append(m.stack, v)
	return nil
}

func (m *machine) pop() (any, error) {
	n := len(m.stack)
	if n == 0 {
		return nil, errors.New("the stack is empty")
	}
	v := m.stack[n-1]
	if _, ok := v.(mark); ok {
		return nil, errors.New("a mark is no value")
	}
	m.stack = m.stack[:n-1]
	return v, nil
}

// popTo returns what lies above the last mark.
func (m *machine) popTo() ([]any, error) {
	for i, v := range slices.Backward(m.stack) {
		if _, ok := v.(mark); ok {
			items := slices.Clone(m.stack[i+1:])
			m.stack = m.stack[:i]
			return items, nil
		}
	}
	return nil, errors.New("there is no mark")
}

// constants are the opcodes that push a value and have no operand.
func constant(op byte) (any, bool) {
	switch op {
	case opMark:
		return mark{}, true
	case opNone:
		return nil, true
	case opNewTrue:
		return true, true
	case opNewFalse:
		return false, true
	case opEmptyTuple:
		return tuple{}, true
	case opEmptyList:
		return &list{}, true
	case opEmptyDict:
		return newDict(), true
	}
	return nil, false
}

// step executes one instruction.
func (m *machine) step(op byte) error {
	if v, ok := constant(op); ok {
		return m.push(v)
	}
	switch op {
	case opProto:
		return m.proto()
	case opFrame:
		_, err := m.next(8)
		return err
	case opBinInt, opBinInt1, opBinInt2, opLong1, opBinFloat:
		return m.number(op)
	case opBinUnicode, opShortBinUnicode:
		return m.text(op)
	case opGlobal, opStackGlobal:
		return m.global(op)
	case opBinPut, opLongBinPut, opMemoize, opBinGet, opLongBinGet:
		return m.remember(op)
	case opTuple, opTuple1, opTuple2, opTuple3:
		return m.tuple(op)
	case opAppend, opAppends:
		return m.appends(op)
	case opSetItem, opSetItems:
		return m.setItems(op)
	case opBinPersID:
		return m.persistent()
	case opReduce:
		return m.reduce()
	case opBuild:
		return m.build()
	}
	return fmt.Errorf("instruction %#02x is not allowed: a checkpoint of tensors needs none such; "+
		"nothing was executed", op)
}

func (m *machine) proto() error {
	b, err := m.next(1)
	if err == nil && (b[0] < 2 || b[0] > 5) {
		return fmt.Errorf("protocol %d, want 2 to 5", b[0])
	}
	return err
}

func (m *machine) number(op byte) error {
	size := map[byte]int{opBinInt: 4, opBinInt1: 1, opBinInt2: 2, opLong1: 1, opBinFloat: 8}[op]
	b, err := m.next(size)
	if err != nil {
		return err
	}
	switch op {
	case opBinFloat:
		return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case opBinInt:
		return m.push(int64(int32(binary.LittleEndian.Uint32(b))))
	case opBinInt2:
		return m.push(int64(binary.LittleEndian.Uint16(b)))
	case opBinInt1:
		return m.push(int64(b[0]))
	}
	return m.long(int(b[0]))
}

// long reads a whole number of n bytes in two's complement.
func (m *machine) long(n int) error {
	b, err := m.next(n)
	if err != nil {
		return err
	}
	if n > 8 {
		return fmt.Errorf("a number of %d bytes is too large", n)
	}
	var u uint64
	for i, x := range b {
		u |= uint64(x) << (8 * i)
	}
	shift := 64 - 8*n
	return m.push(int64(u<<shift) >> shift)
}

func (m *machine) text(op byte) error {
	width := 4
	if op == opShortBinUnicode {
		width = 1
	}
	b, err := m.next(width)
	if err != nil {
		return err
	}
	n := uint32(b[0])
	if width == 4 {
		n = binary.LittleEndian.Uint32(b)
	}
	if uint64(n) > uint64(len(m.code)) {
		return errEnd
	}
	b, err = m.next(int(n))
	if err != nil {
		return err
	}
	return m.push(string(b))
}

// global pushes an import, which is only a name here.
func (m *machine) global(op byte) error {
	g, err := m.readGlobal(op)
	if err != nil {
		return err
	}
	if !g.known() {
		return fmt.Errorf("it wants to import %q, which is refused: a checkpoint of tensors needs no "+
			"such thing; nothing was executed", g)
	}
	return m.push(g)
}

func (m *machine) readGlobal(op byte) (g global, err error) {
	if op == opGlobal {
		if g.module, err = m.line(); err == nil {
			g.name, err = m.line()
		}
		return g, err
	}
	name, err := m.pop()
	if err != nil {
		return g, err
	}
	module, err := m.pop()
	if err != nil {
		return g, err
	}
	var ok, too bool
	g.module, ok = module.(string)
	g.name, too = name.(string)
	if !ok || !too {
		return g, errors.New("an import is named by something else than text")
	}
	return g, nil
}

func (m *machine) line() (string, error) {
	rest := string(m.code[m.at:min(len(m.code), m.at+256)])
	text, _, ok := strings.Cut(rest, "\n")
	if !ok {
		return "", errEnd
	}
	m.at += len(text) + 1
	return text, nil
}

// remember moves values to or from the memo.
func (m *machine) remember(op byte) error {
	key := uint32(len(m.memo))
	if op != opMemoize {
		width := 1
		if op == opLongBinPut || op == opLongBinGet {
			width = 4
		}
		b, err := m.next(width)
		if err != nil {
			return err
		}
		key = uint32(b[0])
		if width == 4 {
			key = binary.LittleEndian.Uint32(b)
		}
	}
	if op == opBinGet || op == opLongBinGet {
		v, ok := m.memo[key]
		if !ok {
			return fmt.Errorf("nothing was remembered as %d", key)
		}
		return m.push(v)
	}
	v, err := m.pop()
	if err != nil {
		return err
	}
	m.memo[key] = v
	return m.push(v)
}

func (m *machine) tuple(op byte) error {
	if op == opTuple {
		items, err := m.popTo()
		if err != nil {
			return err
		}
		return m.push(tuple(items))
	}
	t := make(tuple, op-opTuple1+1)
	for i := range slices.Backward(t) {
		var err error
		if t[i], err = m.pop(); err != nil {
			return err
		}
	}
	return m.push(t)
}

// items returns the operands of an instruction for one element of n values, or for many.
func (m *machine) items(single bool, n int) ([]any, error) {
	if !single {
		return m.popTo()
	}
	items := make([]any, n)
	for i := range slices.Backward(items) {
		var err error
		if items[i], err = m.pop(); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (m *machine) appends(op byte) error {
	items, err := m.items(op == opAppend, 1)
	if err != nil {
		return err
	}
	top, err := m.pop()
	if err != nil {
		return err
	}
	l, ok := top.(*list)
	if !ok {
		return fmt.Errorf("cannot append to a %T", top)
	}
	l.items = append(l.items, items...)
	return m.push(l)
}

func (m *machine) setItems(op byte) error {
	items, err := m.items(op == opSetItem, 2)
	if err != nil {
		return err
	}
	top, err := m.pop()
	if err != nil {
		return err
	}
	d, ok := top.(*dict)
	if !ok || len(items)%2 != 0 {
		return fmt.Errorf("cannot set %d items of a %T", len(items), top)
	}
	for i := 0; i < len(items); i += 2 {
		if err := d.set(items[i], items[i+1]); err != nil {
			return err
		}
	}
	return m.push(d)
}
