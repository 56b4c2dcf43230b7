module longlora/pipeline

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	golang.org/x/net v0.62.0
	longlora/internal v0.0.0
	longlora/schemas v0.0.0
)

require pgregory.net/rapid v1.3.0 // indirect

replace longlora/schemas => ../schemas

replace longlora/internal => ../internal
