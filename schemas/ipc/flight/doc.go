// Package flight serves datasets of sequences over Arrow Flight, read-only, and reads them again: a
// client gets by ticket the rows of any range of any epoch's order, bit-equal to those that it would
// read from the Parquet files. docs/format/flight.md describes what goes over the wire, for other
// clients.
package flight

// Schemes of locations: without and with TLS.
const (
	SchemePlain = "grpc"
	SchemeTLS   = "grpc+tls"
)

// DefaultMessage is the greatest size of a message, in bytes, unless options say another.
const DefaultMessage = 256 << 20

// fileAction is the action that returns one of a dataset's companions; its body is DIGEST/NAME.
const fileAction = "file"

// served are the companions that the action returns.
var served = [...]string{"manifest.json", "tokenizer.json"}
