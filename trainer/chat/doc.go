// Package chat turns conversations into the texts that a model was taught, by the Jinja template
// that its tokenizer_config.json has, with the result of transformers' apply_chat_template.
//
// A template comes with a model and is a program of whoever published it. It runs in a process of
// its own, which has no files, no environment and bounds of time, memory and output: a template
// that loops or grows ends with an error, and nothing else does. Command render-template of the
// trainer is that process (Work).
//
// The library behind it differs from Jinja where no chat template is known to care: operands of
// other types than Python takes give a text instead of an error (a text and a list, say), a filter
// binds tighter than a minus sign, comparisons cannot be chained, and two closing braces end a tag
// wherever they stand.
package chat
