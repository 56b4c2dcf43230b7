// Package gguf reads and writes GGUF, the file format of llama.cpp: metadata under typed keys, and
// tensors. It knows nothing of models; package llamacpp does.
//
// A file is a header ("GGUF", version, numbers of tensors and of keys), the keys with their values,
// the tensors' descriptions, and the tensors' data, each at a multiple of the alignment. Numbers
// are little-endian. Versions 2 and 3 are read, 3 is written. Of the storage types F32, F16, BF16
// and Q8_0 are converted; files may name others, which are described but not read.
//
// Reading is bounded: nothing is reserved that the file could not hold, and the part before the
// data is at most MaxHeader bytes. Tensors are read by position when asked for. Readers may be used
// concurrently. The specification is docs/gguf.md of the ggml project.
package gguf
