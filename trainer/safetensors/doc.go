// Package safetensors reads and writes the safetensors format: one file of tensors, or a folder
// whose index says which file holds which.
//
// A file is an 8-byte little-endian header length N, N bytes of JSON, and the tensors' bytes. The
// JSON maps names to dtype, shape and data_offsets [begin, end) counted from the end of the
// header; "__metadata__" maps strings to strings. As the reference implementation demands,
// tensors cover the data without overlap, hole or remainder, and a header is at most 100 MB.
//
// Readers take an fs.FS and read each tensor by position when it is asked for, so that a file is
// never in memory as a whole. They may be used concurrently.
package safetensors
