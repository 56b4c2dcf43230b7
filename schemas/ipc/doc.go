// Package ipc reads and writes Arrow record batches as IPC streams. It is the edge to the Arrow IPC
// library: the library's reader believes the sizes that a message claims and panics on others, so
// this one checks every length, offset and type before it allocates or hands a batch out. Whatever
// the bytes are, reading them ends in records that are safe to use or in an error.
//
// The schema is parsed by the library once its structure was checked; batches are cut out of the
// message's body without a copy.
package ipc

import (
	"errors"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// DefaultMessage is the greatest size of a message unless Options say another, in bytes.
const DefaultMessage = 1 << 30

const (
	mostMetadata = 64 << 20 // bytes of a message's metadata
	mostFields   = 100_000  // of a schema, nested ones included
	mostNesting  = 64       // of a schema's fields
	mostLength   = 1<<31 - 1
)

// ErrTooLarge reports a message beyond the limit.
var ErrTooLarge = errors.New("the message is too large")

// ErrMalformed reports bytes that are no well-formed stream.
var ErrMalformed = errors.New("malformed Arrow IPC")

// Options bound and place what is read or written.
type Options struct {
	// Allocator holds buffers; nil means Go memory.
	Allocator memory.Allocator
	// MaxMessage bounds a message's body before and after decompression, in bytes; 0 means
	// DefaultMessage.
	MaxMessage int64
}

func (o Options) withDefaults() Options {
	if o.Allocator == nil {
		o.Allocator = memory.NewGoAllocator()
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = DefaultMessage
	}
	return o
}
