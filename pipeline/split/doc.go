// Package split assigns documents to train, validation and test, so that near-duplicates never
// stand on two sides.
//
// A document is sketched by MinHash over its word 5-grams (Broder 1997), with one permutation and
// optimal densification (Shrivastava 2017, "Optimal densification for fast and accurate minwise
// hashing"). Sketches that agree on a whole band of locality-sensitive hashing join their documents
// into one cluster. A cluster's split is a pure hash of its least document id, so it is the same in
// every corpus, run and version in which the cluster's members are the same.
package split
