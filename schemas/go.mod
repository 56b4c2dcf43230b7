module longlora/schemas

go 1.26.0
