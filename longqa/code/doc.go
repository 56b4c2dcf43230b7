// Package code type-checks a Go tree and keeps the facts that questions are asked about: what is
// declared where, who calls whom, which errors a function returns, what a comment says.
//
// Packages are checked from source by go/types, imports first, on all processors; no build and no
// network is needed. Syntax trees live only while their package is read, so memory is that of the
// sources, the types and the facts.
package code
