// Package ingest makes a document dataset of a source: it reads, cleans, filters, removes exact
// duplicates and assigns splits.
//
// It works in three steps. Scanning reads the source unit by unit, in parallel, and leaves each unit's
// documents and an index of them in scratch files. Resolving looks at all indices together: it finds
// duplicates and clusters, in a few bytes of memory a document. Writing turns each unit's documents
// into Parquet files, in parallel. Each unit's files depend on nothing but the source and what was
// resolved, so the dataset is the same whatever the number of workers.
package ingest
