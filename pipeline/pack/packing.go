package pack

// packings is the table of packings; the first is the default.
var packings = []named[func(*Packer) packing]{
	{"best-fit", "whole pieces, each into the fullest sequence that has room for it", newBestFit},
	{"concat", "one stream of pieces, cut wherever a sequence is full", newConcat},
}
