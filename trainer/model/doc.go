// Package model holds the LLaMA family of decoders, written once over kernels.Backend: embedding,
// layers of RMSNorm, grouped-query attention with rotary positions and SwiGLU, a tied or untied
// head; their hand-written gradients; LoRA on any linear layer; and cached decoding.
//
// Memory is linear in the number of tokens: no attention matrix and no logits matrix exists. What a
// call needs is counted first on a planning backend, then reserved exactly.
package model
