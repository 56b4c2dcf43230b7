// Package report sums a fine-tuning up: summary.json for scripts, report.html with pictures for
// people, and a table for the terminal.
package report
