// Package prose finds what a reader tells apart in plain text of any language: sentences, words,
// who speaks, tables and lists of references. All functions are pure; ranges are bytes, half-open.
// What is not certain is left out.
package prose
