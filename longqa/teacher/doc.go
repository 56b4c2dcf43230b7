// Package teacher has a model write questions and answers about long material, and keeps those
// whose evidence stands in it.
//
// An answer must quote; quotations are looked for in the context, white space apart, and become
// evidence spans. An answer without a quotation that is found is rejected, and so is one that a
// second call, the critic, scores too low against its passages. Every row says which model wrote
// it, from which messages and with which settings.
package teacher
