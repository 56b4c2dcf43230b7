// Package check computes the answers of a LongQA dataset again, from each row alone, and compares.
//
// It shares no code with what built the rows: the builder knows the whole program through the type
// checker, while check parses the context and goes by names, as a careful reader would. Where the
// answer is a person's (gold rows), it checks what can be checked: that the evidence is there, and
// that the context does not say the answer by itself.
package check
