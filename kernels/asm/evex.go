package main

import (
	"encoding/binary"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The instructions of AVX512-BF16, which neither avo nor Go's assembler knows, as bytes: an EVEX
// prefix (Intel's Software Developer's Manual, volume 2, section 2.7.1), an opcode and operands.

// operation is an instruction of map 0F38 with W = 0 on 512 bits.
type operation struct {
	prefix byte // pp: 1 is 66, 2 is F3, 3 is F2
	opcode byte
}

var (
	vdpbf16ps      = operation{2, 0x52}
	vcvtne2ps2bf16 = operation{3, 0x72}
)

// dotPairs adds the inner products of pairs of brain floats: VDPBF16PS sum, x, y.
func dotPairs(sum, x, y reg.VecPhysical) { vdpbf16ps.registers(sum, x, y) }

// shrinkPair rounds thirty-two floats: low to the lower half of to, high to the upper one.
func shrinkPair(to, high, low reg.VecPhysical) { vcvtne2ps2bf16.registers(to, high, low) }

// registers writes the instruction with three registers. Most bits of their numbers are stored
// inverted.
func (o operation) registers(dst, x, y reg.VecPhysical) {
	d, v, r := number(dst), number(x), number(y)
	p0 := 2 | bit(d&8 == 0)<<7 | bit(r&16 == 0)<<6 | bit(r&8 == 0)<<5 | bit(d&16 == 0)<<4
	p1 := o.prefix | 1<<2 | byte(^v&15)<<3
	p2 := byte(2)<<5 | bit(v&16 == 0)<<3
	emit([]byte{0x62, p0, p1, p2, o.opcode, 0xc0 | byte(d&7)<<3 | byte(r&7)})
}

// prefetchWrite writes PREFETCHW: asks for a line in order to write to it. The index, if there is
// one, is scaled by 1 or 2.
func prefetchWrite(base, index reg.GPPhysical, scale, disp int) {
	b, rex, modrm := number(base), byte(0x40), byte(1<<6|1<<3)
	sib := []byte(nil)
	if modrm |= byte(b & 7); scale > 0 || b&7 == 4 {
		x := 4 // none
		if scale > 0 {
			x = number(index)
		}
		modrm = modrm&^7 | 4
		sib = []byte{byte(scale>>1)<<6 | byte(x&7)<<3 | byte(b&7)}
		rex |= bit(x&8 != 0) << 1
	}
	rex |= bit(b&8 != 0)
	emit(append(append([]byte{rex, 0x0f, 0x0d, modrm}, sib...), byte(disp)))
}

// emit writes bytes, four, two or one at a time.
func emit(code []byte) {
	for len(code) > 0 {
		opcode, value, n := "BYTE", Op(U8(code[0])), 1
		switch {
		case len(code) >= 4:
			opcode, value, n = "LONG", U32(binary.LittleEndian.Uint32(code)), 4
		case len(code) >= 2:
			opcode, value, n = "WORD", U16(binary.LittleEndian.Uint16(code)), 2
		}
		Instruction(&ir.Instruction{Opcode: opcode, Operands: []Op{value}})
		code = code[n:]
	}
}

func number(r reg.Physical) int { return int(r.PhysicalIndex()) }

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
