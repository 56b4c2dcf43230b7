package embedding

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/bf16"
	"longlora/kernels/machine"
)

// CPU gathers y[t] = table[ids[t]]. The table may be BF16.
func CPU(m *machine.Machine, y, table, ids kernels.Tensor) {
	out, id := machine.View(y), machine.I32(ids)
	machine.Want("Embedding", "y", y, ids.Len(), table.Dim(1))
	check(id, table.Dim(0))
	row := rowReader(table)
	m.Rows(out.N, out.D, func(_, from, to int) {
		for t := from; t < to; t++ {
			row(out.Row(t), int(id[t]))
		}
	})
}

// rowReader returns what copies a row of table.
func rowReader(table kernels.Tensor) func(dst []float32, i int) {
	stride := table.Stride(0)
	if table.DType() == kernels.BF16 {
		bits := machine.BF16(table)
		return func(dst []float32, i int) { bf16.Expand(dst, bits[i*stride:][:len(dst)]) }
	}
	rows := machine.View(table)
	return func(dst []float32, i int) { copy(dst, rows.Row(i)) }
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
	const columns = 64
	m.Tasks(machine.Chunks(in.D, columns), in.N*in.D, func(_, i int) {
		from, to := i*columns, min((i+1)*columns, in.D)
		for t := range in.N {
			row := grad.Row(int(id[t]))
			m.Ops.Axpy(row[from:to], 1, in.Row(t)[from:to])
		}
	})
}
