module longlora/kernels

go 1.26.0
