// Package repository makes documents of git repositories: the files of one commit, joined so that a
// file stands after those that it imports.
//
// Objects are read from the repository itself, so bare ones and clones without a work tree will do,
// and what is not committed does not count. Nothing is checked out or run. A file that is no text that
// people wrote, or that comes from elsewhere, is left out with a reason.
package repository
