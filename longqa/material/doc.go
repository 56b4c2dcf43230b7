// Package material holds what questions are asked about: documents cut into pieces, and views of
// them that fit a budget of tokens.
//
// A document has parts (the files of a package, a book's text) and a part has pieces (a top-level
// declaration, a section). A view keeps some of the pieces whole and renders them as the context of
// questions; positions in the source become positions in the context.
package material
