// Package optimizer keeps AdamW's moments in eight bits, as 8-bit optimizers do (Dettmers et al.,
// arXiv 2110.02861): each is the nearest of 256 values, times the greatest magnitude of its block of
// 256 neighbours. The values are dense near zero and near one ("dynamic", section 1.3). A step computes
// with floats what it would have computed, and rounds the moments afterwards.
package optimizer
