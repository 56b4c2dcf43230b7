// Package encode makes a sequence dataset of examples: it renders each as a prompt, tokenizes it
// and takes the loss on the answer and its end alone.
//
// An example that is longer than the training context loses lines of its material, never its
// question or answer, and no line that holds evidence. One that does not fit even so is dropped and
// counted.
package encode
