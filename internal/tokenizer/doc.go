// Package tokenizer turns text into token ids and back, exactly as Hugging Face tokenizers does, in
// time linear in the text's length. It reads tokenizer.json files with a BPE model, of the
// byte-level kind (GPT-2, LLaMA-3, Qwen) and of the SentencePiece kind (LLaMA-2, Mistral, Gemma),
// and SentencePiece .model files with a BPE model, which it reads as the SentencePiece library does.
// What it does not know it refuses by name.
//
// Encoding follows the reference's order: added tokens are cut out of the raw text; each part between
// them is normalized, added tokens are cut out once more, and what is left goes through the
// pre-tokenizer's steps; each word is merged by rank. A word's ids depend on nothing but the word, so
// they are cached. The most frequent pipelines have a shorter way: a scanner instead of a regular
// expression; for SentencePiece, cutting the text where no merge can join.
//
// Differences from the reference:
//   - Text that is not UTF-8 is read as Python's errors="replace" reads it; the reference takes none.
//   - Decoding an id that is no token is an error; the reference leaves it out.
//   - Offsets of what a normal form has composed cover all its parts, where the reference's cover the
//     first; white space stays with its token (trim_offsets is not followed).
//   - A file's truncation and padding are not applied: they belong to whoever makes batches.
//   - In .model files, control symbols written in a text are those symbols, as in transformers; the
//     library reads them as text.
package tokenizer
