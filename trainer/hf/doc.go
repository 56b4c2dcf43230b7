// Package hf reads and writes model folders as Hugging Face's transformers keeps them: config.json,
// weights in safetensors, the tokenizer's files. The architecture is LlamaForCausalLM; whatever a
// folder asks for beyond what this project computes is refused by name, never ignored.
//
// Keys of config.json that make no difference are kept, so that a folder written from one that was
// read has them still. Fields of this project's own are in longlora.json. docs/format/model.md and
// docs/format/longlora.md describe both.
package hf
