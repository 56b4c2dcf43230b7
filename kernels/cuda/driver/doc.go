// Package driver is the only way to an NVIDIA driver: devices, memory, streams, modules and
// launches through gorgonia.org/cu, and matrix products through cublasLt. Both libraries are looked
// for when the program runs (shim.c, blas.c), so that a binary that is built here runs without
// either, and says so. The build needs gcc and the tag gpu, and neither a driver nor a CUDA
// toolkit; without the tag the package has no devices.
package driver
