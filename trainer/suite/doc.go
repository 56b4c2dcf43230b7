// Package suite puts the measurements of a model's long context together: one JSON, and one page
// with heat-maps of what it finds by length and depth, and curves by length and position.
package suite
