// Package encode makes a sequence dataset of document datasets: it tokenizes, plans and gathers.
//
// Tokenizing reads the documents row group by row group, in parallel, and leaves their tokens in
// scratch files with an index of where each stands. Planning packs the lengths alone, in one goroutine,
// for it takes half a microsecond a document. Gathering writes the planned sequences into files, in
// parallel. What stands in which sequence depends on the documents' lengths and order only, so the
// dataset is the same whatever the number of workers.
package encode
