module longlora/longqa

go 1.26.0

require (
	longlora/internal v0.0.0
	longlora/pipeline v0.0.0
	longlora/schemas v0.0.0
)

replace longlora/schemas => ../schemas

replace longlora/internal => ../internal

replace longlora/pipeline => ../pipeline
