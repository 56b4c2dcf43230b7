// Package lint checks the workspace as a whole: which package may import which, and what a test
// run may skip. Its module also pins the linters.
package lint
