package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow/memory"
	flatbuffers "github.com/google/flatbuffers/go"
)

// Kinds of messages (format/Message.fbs of the Arrow specification).
const (
	kindSchema     = 1
	kindDictionary = 2
	kindBatch      = 3
)

// message is one message of a stream.
type message struct {
	meta   []byte
	kind   byte
	header flatbuffers.Table
	body   *memory.Buffer
}

// source yields messages; io.EOF at the end. The caller releases the body.
type source interface {
	next(o Options) (*message, error)
}

// table gives checked access to a flatbuffer's table. Reads outside the buffer panic, which guard
// catches; lengths that would be allocated are checked.
type table struct{ flatbuffers.Table }

// slot returns the place of field n, or 0 where it is absent.
func (t table) slot(n int) flatbuffers.UOffsetT {
	o := t.Offset(flatbuffers.VOffsetT(4 + 2*n))
	if o == 0 {
		return 0
	}
	return t.Pos + flatbuffers.UOffsetT(o)
}

func (t table) byteAt(n int) byte {
	if s := t.slot(n); s != 0 {
		return t.GetByte(s)
	}
	return 0
}

func (t table) int64At(n int) int64 {
	if s := t.slot(n); s != 0 {
		return t.GetInt64(s)
	}
	return 0
}

// child returns the table that field n points to.
func (t table) child(n int) (table, bool) {
	s := t.slot(n)
	if s == 0 {
		return table{}, false
	}
	return table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(s)}}, true
}

// vector returns start and length of the vector of field n, whose elements take size bytes.
func (t table) vector(n int, size int64) (start, length int64, err error) {
	s := t.slot(n)
	if s == 0 {
		return 0, 0, nil
	}
	at := int64(s) + int64(t.GetUOffsetT(s))
	length = int64(binary.LittleEndian.Uint32(t.Bytes[at:]))
	if start = at + 4; start+length*size > int64(len(t.Bytes)) {
		return 0, 0, fmt.Errorf("%w: a vector of %d elements", ErrMalformed, length)
	}
	return start, length, nil
}

// element returns the table that element i of a vector of offsets points to.
func (t table) element(start, i int64) table {
	at := flatbuffers.UOffsetT(start + 4*i)
	return table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at)}}
}

// checkPairs requires that the key-value pairs of field n lie in the buffer.
func (t table) checkPairs(n int) error {
	start, length, err := t.vector(n, 4)
	for i := int64(0); i < length && err == nil; i++ {
		pair := t.element(start, i)
		for k := range 2 {
			if s := pair.slot(k); s != 0 {
				_ = pair.ByteVector(s)
			}
		}
	}
	return err
}

// parseMessage reads a message's metadata.
func parseMessage(meta []byte) (m *message, bodyLength int64, err error) {
	err = guard(func() error {
		root := table{flatbuffers.Table{Bytes: meta, Pos: flatbuffers.GetUOffsetT(meta)}}
		header, ok := root.child(2)
		if !ok {
			return fmt.Errorf("%w: a message without a header", ErrMalformed)
		}
		bodyLength = root.int64At(3)
		m = &message{meta: meta, kind: root.byteAt(1), header: header.Table}
		return root.checkPairs(4)
	})
	return m, bodyLength, err
}

// stream is the source of an IPC stream or file.
type stream struct {
	r     io.Reader
	begun bool
	// file says that it is one: the end of the messages may then lack its mark, and only messages
	// begin with continuation.
	file bool
}

const continuation = 0xFFFFFFFF

// fileMagic begins an IPC file: a stream follows, then a footer that is not needed.
const fileMagic = "ARROW1\x00\x00"

func (s *stream) next(o Options) (*message, error) {
	n, err := s.metadataLength()
	if err != nil {
		return nil, err
	}
	if n > mostMetadata {
		return nil, fmt.Errorf("%w: its metadata has %d bytes, at most %d are read", ErrTooLarge, n,
			int64(mostMetadata))
	}
	meta, err := readGrowing(s.r, memory.NewGoAllocator(), int64(n))
	if err != nil {
		return nil, err
	}
	m, bodyLength, err := parseMessage(meta.Bytes())
	if err != nil {
		return nil, err
	}
	if err := checkBody(bodyLength, o.MaxMessage); err != nil {
		return nil, err
	}
	m.body, err = readGrowing(s.r, o.Allocator, bodyLength)
	return m, err
}

func checkBody(n, most int64) error {
	if n < 0 {
		return fmt.Errorf("%w: a message body of %d bytes", ErrMalformed, n)
	}
	if n > most {
		return fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, n, most)
	}
	return nil
}

// metadataLength reads a message's prefix; io.EOF at the stream's end, with or without its mark.
func (s *stream) metadataLength() (uint32, error) {
	word := func() (uint32, error) {
		var b [4]byte
		_, err := io.ReadFull(s.r, b[:])
		return binary.LittleEndian.Uint32(b[:]), err
	}
	n, err := word()
	if !s.begun && err == nil && n == binary.LittleEndian.Uint32([]byte(fileMagic)) {
		if n, err = word(); err == nil && n != binary.LittleEndian.Uint32([]byte(fileMagic[4:])) {
			return 0, fmt.Errorf("%w: bytes %#x after ARRO", ErrMalformed, n)
		}
		if err == nil {
			n, err = word()
		}
		s.file = true
	}
	s.begun = true
	if s.file && err == nil && n != continuation {
		return 0, io.EOF
	}
	if err == nil && n == continuation {
		n, err = word()
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, fmt.Errorf("%w: cut off within a message's prefix", ErrMalformed)
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	return n, err
}

// growth is what is allocated at once for a length that nothing but the input vouches for.
const growth = 16 << 20

// readGrowing reads n bytes. It allocates at most twice what is really there, or growth.
func readGrowing(r io.Reader, mem memory.Allocator, n int64) (_ *memory.Buffer, err error) {
	b := memory.NewResizableBuffer(mem)
	defer func() {
		if err != nil {
			b.Release()
		}
	}()
	for have := int64(0); have < n; {
		size := min(n, max(2*have, growth))
		b.Resize(int(size))
		k, err := io.ReadFull(r, b.Bytes()[have:size])
		if err != nil {
			return nil, fmt.Errorf("%w: cut off after %d of a message's %d bytes: %w", ErrMalformed,
				have+int64(k), n, noEOF(err))
		}
		have = size
	}
	return b, nil
}

// noEOF keeps an end of input within a message from passing for the stream's end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
