package crossentropy

import (
	"math"

	"longlora/kernels"
	"longlora/kernels/check"
	"longlora/kernels/machine"
)

// CPULogits computes the losses of logits and, if weights is present, overwrites them with the
// gradient of scale·Σ weights·losses.
func CPULogits(m *machine.Machine, losses, logits, targets, weights kernels.Tensor, scale float32) {
	z := machine.View(logits)
	machine.Want("LogitLoss", "losses", losses, z.N)
	machine.Want("LogitLoss", "targets", targets, z.N)
	s := scoring{Machine: m, losses: machine.F32(losses), z: z, targets: machine.I32(targets),
		scale: scale}
	if !weights.IsZero() {
		machine.Want("LogitLoss", "weights", weights, z.N)
		s.weights = machine.F32(weights)
	}
	check.Targets("LogitLoss", s.targets, z.D)
	machine.Rows(m, z.N, 8*z.D, s, (*scoring).rows)
}

// scoring is one call of CPULogits.
type scoring struct {
	*machine.Machine
	losses, weights []float32 // weights is nil if the gradient is not wanted
	z               machine.Matrix
	targets         []int32
	scale           float32
}

func (s *scoring) rows(worker, i, end int) {
	for ; i < end; i++ {
		row, target := s.z.Row(i), s.targets[i]
		s.losses[i] = 0
		if target < 0 {
			if s.weights != nil {
				clear(row)
			}
			continue
		}
		to := row
		if s.weights == nil {
			to = s.Own(worker, len(row))
		}
		most, aim := s.Ops.Max(row), row[target]
		sum := float64(s.Ops.ExpSum(to, row, 1, most))
		s.losses[i] = float32(float64(most-aim) + math.Log(sum))
		if s.weights != nil {
			factor := float64(s.scale) * float64(s.weights[i])
			s.Ops.Scale(row, float32(factor/sum))
			row[target] -= float32(factor)
		}
	}
}
