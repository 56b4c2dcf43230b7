// Package schemas owns everything that is written to disk between the project's parts: the row
// types document, example and sequence, and the manifest that makes a directory a dataset. Reading
// and writing them is package shard; no one else knows a column's name.
package schemas
