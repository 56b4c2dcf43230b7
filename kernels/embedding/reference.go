package embedding

// Reference gathers y[t] = table[ids[t]]. y [T, D] and table [V, D] are row-major.
func Reference[F float32 | float64](y, table []F, ids []int32, d int) {
	for t, id := range ids {
		copy(y[t*d:(t+1)*d], table[int(id)*d:])
	}
}

// ReferenceGrad scatters dTable[ids[t]] += dy[t].
func ReferenceGrad[F float32 | float64](dTable, dy []F, ids []int32, d int) {
	for t, id := range ids {
		for j := range d {
			dTable[int(id)*d+j] += dy[t*d+j]
		}
	}
}
