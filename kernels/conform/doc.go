// Package conform holds what every backend must keep, as tests that run on any of them.
package conform
