package model

import (
	"math"

	"longlora/kernels"
)

// noiseRows is the number of rows whose noise is made at a time.
const noiseRows = 256

// addNoise adds NEFTune's noise to the embedding's rows x [T, D]. It is a pure function of the batch's
// seed, the token's number and the dimension; a batch without a seed has none.
func (m *Model) addNoise(b *Batch, x kernels.Tensor) {
	if m.options.Noise == 0 {
		return
	}
	mark, n := m.work.arena.Mark(), len(b.IDs)
	noise := m.act(min(noiseRows, n), m.config.Hidden)
	if b.Seed != 0 {
		for from, end := 0, 0; from < n; from += noiseRows {
			to := min(from+noiseRows, n)
			values := grow(&m.work.noise, (to-from)*m.config.Hidden)
			for t := from; t < to; t++ {
				if t == 0 || b.Positions[t] == 0 {
					end = documentEnd(b.Positions, t)
				}
				length := int(b.Positions[t]) + end - t
				row := values[(t-from)*m.config.Hidden : (t-from+1)*m.config.Hidden]
				m.noise(row, mix(mix(b.Seed, noiseID), uint64(t)), length)
			}
			part := noise.Slice(0, 0, to-from)
			m.b.Write(part, values)
			m.b.Add(x.Slice(0, from, to), part)
		}
	}
	m.work.arena.Release(mark)
}

// noiseID distinguishes the noise's numbers from those of the layers' dropout.
const noiseID = math.MaxUint64

// noise fills the row of a token in a document of so many tokens.
func (m *Model) noise(row []float32, seed uint64, length int) {
	size := float32(m.options.Noise / math.Sqrt(float64(length)*float64(len(row))))
	for j := range row {
		// An odd multiple of 2^-23 in (-1, 1): exact, and as often negative as positive.
		odd := mix(seed, uint64(j))>>41<<1 | 1
		row[j] = size * (float32(odd)*0x1p-23 - 1)
	}
}

// documentEnd returns where the document of token t ends.
func documentEnd(positions []int32, t int) int {
	for t++; t < len(positions) && positions[t] != 0; t++ {
	}
	return t
}
