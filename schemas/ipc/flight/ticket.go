package flight

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"longlora/schemas/shard"
)

// TicketVersion is the version of tickets that this build writes and reads.
const TicketVersion = 1

const (
	mostTicket    = 4096 // bytes
	mostBatchRows = 4096
)

// Ticket says which rows a stream holds, in which order. It is JSON on the wire.
type Ticket struct {
	Version int `json:"version"`
	// Dataset is the dataset's digest.
	Dataset string `json:"dataset"`
	// Split is "" for all rows.
	Split   string `json:"split,omitempty"`
	Shuffle bool   `json:"shuffle,omitempty"`
	Seed    uint64 `json:"seed,omitempty"`
	Epoch   int64  `json:"epoch,omitempty"`
	// Start, Count and Stride choose rows of the epoch; Count 0 is to its end, Stride 0 is 1.
	Start  int64 `json:"start,omitempty"`
	Count  int64 `json:"count,omitempty"`
	Stride int64 `json:"stride,omitempty"`
	// BatchRows is the most rows of a batch; 0 leaves it to the server.
	BatchRows int `json:"batch_rows,omitempty"`
}

// Bytes is the ticket as it is sent.
func (t Ticket) Bytes() []byte {
	t.Version = TicketVersion
	data, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return data
}

// ParseTicket reads a ticket; keys that it does not know are refused.
func ParseTicket(data []byte) (t Ticket, err error) {
	if len(data) > mostTicket {
		return t, fmt.Errorf("a ticket of %d bytes, at most %d are read", len(data), mostTicket)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return t, fmt.Errorf("not a ticket: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return t, errors.New("not a ticket: something follows its JSON")
	}
	if t.Version != TicketVersion {
		return t, fmt.Errorf("ticket version %d, this server reads %d", t.Version, TicketVersion)
	}
	if t.Epoch < 0 || t.Start < 0 || t.Count < 0 || t.Stride < 0 || t.BatchRows < 0 ||
		t.BatchRows > mostBatchRows {
		return t, fmt.Errorf("ticket with epoch %d, start %d, count %d, stride %d, batch_rows %d: want "+
			"none below 0 and at most %d batch_rows", t.Epoch, t.Start, t.Count, t.Stride, t.BatchRows,
			mostBatchRows)
	}
	return t, nil
}

// options are the reader's.
func (t Ticket) options() shard.SequenceOptions {
	return shard.SequenceOptions{
		Split: t.Split, Shuffle: t.Shuffle, Seed: t.Seed, Epoch: t.Epoch, Start: t.Start, Count: t.Count,
		Stride: t.Stride, BatchRows: t.BatchRows,
	}
}
