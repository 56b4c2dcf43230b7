// Package torchfile reads the checkpoints that torch.save writes (pytorch_model.bin and others)
// without executing anything.
//
// Such a file is a zip archive of a pickle and of the tensors' bytes. A pickle is a program for a
// small machine, which may import and call anything. The machine here knows only the opcodes that a
// dictionary of tensors needs, and of imports only those of a table (names.go), which stand for
// values of this package; whatever else a pickle asks for is refused by name. Reading is bounded: a
// pickle is at most maxPickle bytes, entries of the archive are never compressed, and a tensor has
// no more elements than its storage.
//
// Files of PyTorch before 1.6, which are no archives, are refused. Tensors are read by position
// when they are asked for. Readers may be used concurrently.
package torchfile
