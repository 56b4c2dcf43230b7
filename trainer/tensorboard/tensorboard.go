// Package tensorboard writes event files, which TensorBoard shows as curves.
//
// A file is a sequence of records: length (8 bytes), masked CRC-32C of the length, a serialized
// tensorflow.Event, masked CRC-32C of it; numbers are little-endian. The first event names the
// format. Fields are those of tensorflow/core/util/event.proto and framework/summary.proto.
package tensorboard

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
)

// FileName is what TensorBoard takes for an event file: it looks for "tfevents" in the name.
const FileName = "events.out.tfevents"

const fileVersion = "brain.Event:2"

// The numbers of the fields that are written.
const (
	eventWallTime    = 1
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5
	summaryValue     = 1
	valueTag         = 1
	valueSimple      = 2
)

// The wire types of protocol buffers.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// Writer writes an event file.
type Writer struct{ w io.Writer }

// NewWriter writes the begin of a file.
func NewWriter(w io.Writer) (*Writer, error) {
	return &Writer{w}, writeRecord(w, appendBytes(nil, eventFileVersion, []byte(fileVersion)))
}

// Scalar is a value of a curve.
type Scalar struct {
	Tag   string
	Value float64
}

// Write adds values of a step, at a time in seconds.
func (w *Writer) Write(step int64, seconds float64, scalars []Scalar) error {
	var summary []byte
	for _, s := range scalars {
		value := appendBytes(nil, valueTag, []byte(s.Tag))
		value = appendKey(value, valueSimple, wire32)
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(s.Value)))
		summary = appendBytes(summary, summaryValue, value)
	}
	b := appendDouble(nil, eventWallTime, seconds)
	b = binary.AppendUvarint(appendKey(b, eventStep, wireVarint), uint64(step))
	return writeRecord(w.w, appendBytes(b, eventSummary, summary))
}

func appendKey(b []byte, field, wire uint64) []byte {
	return binary.AppendUvarint(b, field<<3|wire)
}

func appendDouble(b []byte, field uint64, v float64) []byte {
	return binary.LittleEndian.AppendUint64(appendKey(b, field, wire64), math.Float64bits(v))
}

func appendBytes(b []byte, field uint64, v []byte) []byte {
	b = binary.AppendUvarint(appendKey(b, field, wireBytes), uint64(len(v)))
	return append(b, v...)
}

func writeRecord(w io.Writer, data []byte) error {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, data...)
	b = binary.LittleEndian.AppendUint32(b, masked(data))
	_, err := w.Write(b)
	return err
}

// masked is the checksum of TFRecord files: CRC-32C, turned and moved so that checksums of data
// with checksums in it do not go wrong.
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (crc>>15 | crc<<17) + 0xa282ead8
}
