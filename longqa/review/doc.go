// Package review shows the rows of a dataset to a person, one after the other, and keeps what the
// person decides.
//
// The page is served on loopback and needs nothing from elsewhere. Decisions go to a file that is
// only ever added to, each synced before the page says that it is kept, so a kill loses none. Apply
// makes the dataset without the rejected rows.
package review
