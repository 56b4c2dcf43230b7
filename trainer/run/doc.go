// Package run is a training run from its configuration to its result: it reads the run file, fills
// in what the shards and the base model determine, says what the run will need, trains, and saves
// the adapter or the model.
package run
