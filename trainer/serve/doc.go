// Package serve answers questions over HTTP as OpenAI's API does: /v1/chat/completions and
// /v1/completions, streamed or not, and /v1/models. GET / is a page: drop a document, ask, see the
// passages that the answer quotes.
//
// Generations run in package decode, which bounds them; what it refuses is 429 with Retry-After. A
// client that goes away ends its generation. What a field asks for and is not done is refused by
// name with 400; fields that the API does not have are ignored, as servers of it do.
// docs/serve.md describes the API.
package serve
