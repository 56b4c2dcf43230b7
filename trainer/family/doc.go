// Package family is the table of model families: how each is written in a config.json of Hugging
// Face's transformers, and which values of it this project computes. What a model computes is
// model.Arch; a family is a file here, which reads one, and a line of Table.
package family
