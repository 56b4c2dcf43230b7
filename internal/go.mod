module longlora/internal

go 1.26.0
