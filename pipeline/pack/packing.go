package pack

// packings is the table of packings; the first is the default.
var packings = []named[func(*Packer) packing]{
	{"best-fit", "whole pieces, each into the fullest sequence that has room for it", newBestFit},
	{"length-bucketed", "whole pieces of about the same length: each power of two apart, best-fit within",
		newBucketed},
	{"concat", "one stream of pieces, cut wherever a sequence is full", newConcat},
}
