// Package conform holds what every backend must keep, as tests that run on any of them: NoLeak,
// that no output depends on later tokens, and Agree, that operators err little more than plain
// float32.
package conform
