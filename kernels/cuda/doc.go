// Package cuda is the backend for NVIDIA GPUs from Ampere on. Activations are brain floats (or
// float32), parameters either, sums float32; weights meet activations in the activations' type.
// Attention always multiplies brain floats. Everything that is summed is summed in one order, so
// that runs are equal bit by bit.
//
// The kernels lie beside their operators (../*/*.cu) and in source; scripts/ptx compiles them to
// ptx, from where they are embedded. Large products are cublasLt's. Package driver is the only way
// to the device, and needs the build tag gpu; without it Open says so. Package emulator runs all of
// this on the processor, for tests.
package cuda
