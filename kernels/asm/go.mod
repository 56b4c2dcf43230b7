module longlora/kernels/asm

go 1.26.0
