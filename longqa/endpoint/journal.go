package endpoint

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"longlora/internal/atomicfile"
)

// journalName is the file in the folder: JSON lines that are only ever added.
const journalName = "calls.jsonl"

// entry is a line of the journal. Sent comes before a call, Reply or Failed after it.
type entry struct {
	Key    string `json:"key"`
	Sent   *sent  `json:"sent,omitempty"`
	Reply  *Reply `json:"reply,omitempty"`
	Failed string `json:"failed,omitempty"` // why
}

// sent are the tokens that a call may use.
type sent struct {
	In  int64 `json:"in"`
	Out int64 `json:"out"`
}

// journal keeps every call on disk and the places of the replies in memory.
type journal struct {
	mu      sync.Mutex
	file    *os.File
	size    int64
	places  map[string]place // of replies
	release func() error
	in, out int64 // tokens that all runs before spent
	lost    int64
	open    map[string]bool // calls of runs before without an outcome
}

type place struct{ at, length int64 }

// openJournal reads a journal, or begins one. A last line that was cut off goes.
func openJournal(folder string) (*journal, error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	path := filepath.Join(folder, journalName)
	release, err := atomicfile.Lock(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), release())
	}
	j := &journal{file: file, places: map[string]place{}, open: map[string]bool{}, release: release}
	if err := j.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), j.close())
	}
	return j, nil
}

// load takes up the lines that are there.
func (j *journal) load() error {
	open := map[string]sent{}
	in := bufio.NewReaderSize(j.file, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what has no end was cut off
		}
		if err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
			return fmt.Errorf("line %d is damaged: %w; move the file away to begin anew", n, err)
		}
		j.take(e, place{j.size, int64(len(line))}, open)
		j.size += int64(len(line))
	}
	for key, s := range open {
		j.in, j.out, j.lost = j.in+s.In, j.out+s.Out, j.lost+1
		j.open[key] = true
	}
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	_, err := j.file.Seek(j.size, io.SeekStart)
	return err
}

// take counts an entry; open are the calls without an outcome.
func (j *journal) take(e entry, at place, open map[string]sent) {
	switch {
	case e.Sent != nil:
		if before, ok := open[e.Key]; ok { // a killed run's call is made anew
			j.in, j.out, j.lost = j.in+before.In, j.out+before.Out, j.lost+1
		}
		open[e.Key] = *e.Sent
	case e.Reply != nil:
		j.places[e.Key] = at
		j.in, j.out = j.in+e.Reply.In, j.out+e.Reply.Out
		delete(open, e.Key)
	default:
		delete(open, e.Key)
	}
}

// reply returns a call's reply, if it is known.
func (j *journal) reply(key string) (Reply, bool, error) {
	j.mu.Lock()
	at, ok := j.places[key]
	j.mu.Unlock()
	if !ok {
		return Reply{}, false, nil
	}
	line := make([]byte, at.length)
	var e entry
	_, err := j.file.ReadAt(line, at.at)
	if err == nil {
		err = json.Unmarshal(line, &e)
	}
	if err != nil || e.Reply == nil || e.Key != key {
		return Reply{}, false, fmt.Errorf("journal %s: the entry at byte %d changed: %v", j.file.Name(),
			at.at, err)
	}
	return *e.Reply, true, nil
}

func (j *journal) sent(key string, in, out int64) error {
	return j.add(entry{Key: key, Sent: &sent{in, out}})
}

func (j *journal) answered(key string, r Reply) error { return j.add(entry{Key: key, Reply: &r}) }

func (j *journal) failed(key, reason string) error { return j.add(entry{Key: key, Failed: reason}) }

// add writes an entry and waits until it is on disk.
func (j *journal) add(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	line = append(line, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(line); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if e.Reply != nil {
		j.places[e.Key] = place{j.size, int64(len(line))}
	}
	j.size += int64(len(line))
	return nil
}

func (j *journal) close() error { return errors.Join(j.file.Close(), j.release()) }
