// Package train is the training loop: AdamW under a learning-rate schedule with gradient clipping
// and accumulation, checkpoints, validation and metrics. It is a pure function of the model's
// start, the data's order and the options: stopping and resuming anywhere gives the same bits.
package train
