// Package emulator runs the CUDA kernels on the processor, behind the interface of the driver: its
// library takes the place of libcuda.so.1 and of cublasLt, so that tests go through all of the code
// that a GPU sees but the PTX. Threads of a block are fibers; barriers, shuffles, matrix
// instructions and asynchronous copies do what the PTX ISA says; source/emulator.h says what it
// makes visible. Only tests import it.
package emulator
