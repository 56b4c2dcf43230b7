// Package llamacpp is the bridge between model folders and the GGUF files of llama.cpp, for the
// LLaMA architecture: the names and the layout of tensors, the keys that describe a model with its
// rotary embedding, and the tokenizer.
//
// Write makes a file of a model; Open shows a file as a model folder (config.json, tokenizer.json
// and weights), so that it is read like any other. What a file cannot say, or says and this project
// does not compute, is refused by name. docs/format/gguf.md describes the mapping.
package llamacpp
