module longlora/trainer

go 1.26.0

require longlora/schemas v0.0.0

replace longlora/schemas => ../schemas

require longlora/internal v0.0.0

replace longlora/internal => ../internal

require longlora/kernels v0.0.0

replace longlora/kernels => ../kernels
