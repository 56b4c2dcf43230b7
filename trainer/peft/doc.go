// Package peft reads and writes adapters as Hugging Face's PEFT keeps them: adapter_config.json
// and adapter_model.safetensors, with LoRA matrices and, under modules_to_save, base parameters
// that were trained in full (embedding, norms, head).
//
// A folder that this package writes also carries the base's config.json with the rotary embedding
// of the training, and longlora.json: PEFT's own files lose both. docs/format/adapter.md
// describes them.
package peft
