// Package checkpoint saves and restores a training run, exactly: a run that continues from a
// checkpoint computes the same bits as one that was never interrupted. What is trained and its
// optimizer moments, the step and the place in the data are all there is to remember: the order of
// the data and every random choice are pure functions.
//
// A checkpoint is a directory step-000123 with state.json and trained.safetensors (per trained
// tensor: value/NAME, m/NAME, v/NAME, or the moments in eight bits of package optimizer); the file
// latest beside it names the newest. Both appear whole or not at all.
package checkpoint
