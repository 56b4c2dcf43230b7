// Package pdf reads the text of PDF files in the order in which a person reads it, as Markdown.
//
// PDFium, compiled to WebAssembly, finds the characters; what they mean on the page is found out
// here: columns, running heads, paragraphs, headings, tables and listings. A file is read in an
// instance of its own with bounded memory and time, so that a hostile one ends in an error and
// leaves nothing behind for the next.
package pdf
