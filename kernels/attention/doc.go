// Package attention is softmax attention over causal segments, with shared key heads (Vaswani et
// al. 2017, arXiv 1706.03762, equation 1; grouped queries: Ainslie et al. 2023, arXiv 2305.13245).
//
// Forward, for query i of head h, whose keys k_j and values v_j are those of head h/(H/Hkv), with
// S(i) the set of j that kernels.Segments lets it see:
//
//	z_j = scale · q_i·k_j          for j in S(i)
//	lse = log Σ_j exp(z_j)
//	p_j = exp(z_j - lse)
//	o_i = Σ_j p_j v_j
//
// Gradient (Dao et al. 2022, arXiv 2205.14135, appendix B.2). With δ_i = do_i·o_i, which is
// Σ_j p_j (do_i·v_j):
//
//	dz_j  = p_j (do_i·v_j - δ_i)
//	dq_i  = scale · Σ_j dz_j k_j
//	dk_j  = scale · Σ over h, i of dz_j q_i
//	dv_j  = Σ over h, i of p_j do_i
//
// where the sums for a key run over all query heads that share it.
package attention
