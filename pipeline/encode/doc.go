// Package encode makes a sequence dataset of a document dataset: it tokenizes and packs.
//
// Its unit of work is a file of the documents: the sequences made of it depend on nothing else, so
// the dataset is the same whatever the number of workers.
package encode
