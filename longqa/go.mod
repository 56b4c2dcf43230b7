module longlora/longqa

go 1.26.0

require longlora/schemas v0.0.0

replace longlora/schemas => ../schemas

require longlora/internal v0.0.0

replace longlora/internal => ../internal

require longlora/pipeline v0.0.0

replace longlora/pipeline => ../pipeline
