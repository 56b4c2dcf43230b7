// Package shard reads and writes dataset directories: Parquet files, a manifest, a card and the
// list of what was rejected. It is the only package that knows Parquet, and it hands sequences out
// as Arrow records.
//
// A dataset is built under a temporary name and appears under its own by one rename, after
// everything in it was synced and the manifest was written. A directory without a manifest is not a
// dataset.
package shard
