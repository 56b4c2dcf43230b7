// Package data turns sequence records into the micro-batches that models read: targets from loss
// spans, positions that start anew in each document, attention segments and weights. Its input is
// an Arrow RecordReader with the sequence schema, whoever produces it.
package data
