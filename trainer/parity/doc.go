// Package parity holds the trainer against PyTorch, transformers and PEFT: logits, losses,
// gradients and ten AdamW steps of whole models, and torchtune's LoRA. It has tests only;
// scripts/oracle writes their golden values.
package parity
