// Package export writes trained models in the forms that other programs load: a merged folder for
// transformers, an adapter for PEFT, a patched base with a pure LoRA adapter for vLLM, a GGUF file
// for llama.cpp. The forms are a table; docs/export.md says which to choose.
//
// What was written is read again before it appears under its name. A vocabulary that does not fit
// the embedding or the tokenizer, a tensor that is missing or not what was computed, and a lost
// extension of the rotary embedding are errors.
package export
