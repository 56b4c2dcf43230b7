package bias

// Reference computes y[t] += b. y is [T, D] row-major, b [D].
func Reference[F float32 | float64](y, b []F) {
	for i := range y {
		y[i] += b[i%len(b)]
	}
}

// ReferenceGrad computes db += Σ dy[t].
func ReferenceGrad[F float32 | float64](db, dy []F) {
	for i, g := range dy {
		db[i%len(db)] += g
	}
}
