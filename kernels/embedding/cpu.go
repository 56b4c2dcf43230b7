package embedding

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/bf16"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// CPU gathers y[t] = table[ids[t]]. The table may be BF16.
func CPU(m *machine.Machine, y, table, ids kernels.Tensor) {
	out, id := machine.View(y), machine.I32(ids)
	machine.Want("Embedding", "y", y, ids.Len(), table.Dim(1))
	check(id, table.Dim(0))
	g := gather{out: out, ids: id, stride: table.Stride(0)}
	if table.DType() == kernels.BF16 {
		g.bits = machine.BF16(table)
	} else {
		g.table = machine.View(table)
	}
	machine.Rows(m, out.N, out.D, g, (*gather).rows)
}

// gather is one call of CPU.
type gather struct {
	out, table machine.Matrix
	bits       []uint16 // the table, if it is BF16
	stride     int      // of bits
	ids        []int32
}

func (g *gather) rows(_, from, to int) {
	for t := from; t < to; t++ {
		dst, i := g.out.Row(t), int(g.ids[t])
		if g.bits != nil {
			bf16.Expand(dst, g.bits[i*g.stride:][:len(dst)])
		} else {
			copy(dst, g.table.Row(i))
		}
	}
}

// check panics if an id is outside the vocabulary.
func check(ids []int32, vocabulary int) {
	for t, id := range ids {
		if id < 0 || int(id) >= vocabulary {
			panic(fmt.Sprintf("Embedding: position %d: token %d outside vocabulary %d", t, id,
				vocabulary))
		}
	}
}

// CPUGrad scatters dTable[ids[t]] += dy[t], in order of t: threads share the columns.
func CPUGrad(m *machine.Machine, dTable, dy, ids kernels.Tensor) {
	grad, in, id := machine.View(dTable), machine.View(dy), machine.I32(ids)
	machine.Want("EmbeddingGrad", "dy", dy, ids.Len(), grad.D)
	check(id, grad.N)
	const line = 16
	columns := machine.Chunks(machine.Chunks(in.D, m.Pool.Threads()), line) * line
	machine.Tasks(m, machine.Chunks(in.D, columns), in.N*in.D, scatter{m.Ops, grad, in, id, columns},
		(*scatter).task)
}

// scatter is one call of CPUGrad.
type scatter struct {
	ops      *simd.Ops
	grad, in machine.Matrix
	ids      []int32
	columns  int // of a task
}

func (s *scatter) task(_, i int) {
	from, to := i*s.columns, min((i+1)*s.columns, s.in.D)
	for t := range s.in.N {
		row := s.grad.Row(int(s.ids[t]))
		s.ops.Axpy(row[from:to], 1, s.in.Row(t)[from:to])
	}
}
