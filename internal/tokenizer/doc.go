// Package tokenizer turns text into token ids and back, exactly as Hugging Face tokenizers does, in
// time linear in the text's length. It reads tokenizer.json files with a BPE model, of the
// byte-level kind (GPT-2, LLaMA-3, Qwen) and of the SentencePiece kind (LLaMA-2, Mistral, Gemma),
// and SentencePiece .model files.
//
// Encoding follows the reference implementation's order: added tokens are cut out of the raw text,
// each piece between them is normalized, cut into words by the pre-tokenizer, and each word is
// merged by rank. A word's ids depend on nothing but the word, so they are cached.
package tokenizer
