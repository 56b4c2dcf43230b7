// Package build makes the LongQA dataset of a Go tree: it composes contexts, chooses among the
// questions that the tasks propose so that the dataset is balanced, and holds the result to the
// figures of its recipe. A dataset that misses one of them is not published.
package build
