package review

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"longlora/internal/atomicfile"
	"longlora/schemas"
)

// What can be decided about a row.
const (
	Keep   = "keep"
	Reject = "reject"
	None   = "none" // a decision taken back
)

// Decision is a line of the decisions' file.
type Decision struct {
	ID       string `json:"id"`
	Decision string `json:"decision"`
	Note     string `json:"note,omitempty"`
	// Row is a hash of question and answers: a decision about a row that changed since counts for
	// nothing.
	Row string `json:"row"`
}

// rowHash is the hash of what was decided about.
func rowHash(e *schemas.Example) string {
	h := sha256.New()
	all := []string{e.Instruction, e.Output}
	for _, t := range e.Turns {
		all = append(all, t.Question, t.Answer)
	}
	for _, s := range all {
		fmt.Fprintf(h, "%d\n%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Decisions is a file of decisions that is only ever added to. The last line about a row counts.
type Decisions struct {
	file    *os.File
	release func() error
	byID    map[string]Decision
}

// OpenDecisions opens a file for adding, or begins one. A last line that was cut off goes.
func OpenDecisions(path string) (*Decisions, error) {
	release, err := atomicfile.Lock(path)
	if err != nil {
		return nil, fmt.Errorf("decisions: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decisions: %w", err), release())
	}
	d := &Decisions{file: file, release: release}
	var size int64
	if d.byID, size, err = load(file); err == nil {
		if err = file.Truncate(size); err == nil {
			_, err = file.Seek(size, io.SeekStart)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decisions %s: %w", path, err), d.Close())
	}
	return d, nil
}

// ReadDecisions reads a file.
func ReadDecisions(path string) (map[string]Decision, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("decisions: %w", err)
	}
	defer f.Close()
	byID, _, err := load(f)
	if err != nil {
		err = fmt.Errorf("decisions %s: %w", path, err)
	}
	return byID, err
}

// load reads whole lines and returns their length.
func load(r io.Reader) (map[string]Decision, int64, error) {
	byID := map[string]Decision{}
	in := bufio.NewReader(r)
	size := int64(0)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return byID, size, nil
		}
		if err != nil {
			return nil, 0, err
		}
		size += int64(len(line))
		var d Decision
		err = json.Unmarshal(bytes.TrimSpace(line), &d)
		if err == nil && (d.ID == "" || d.Decision != Keep && d.Decision != Reject &&
			d.Decision != None) {
			err = fmt.Errorf("decision %q about %q", d.Decision, d.ID)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", n, err)
		}
		if byID[d.ID] = d; d.Decision == None {
			delete(byID, d.ID)
		}
	}
}

// Add writes a decision and waits until it is on disk.
func (d *Decisions) Add(x Decision) error {
	line, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("decisions: %w", err)
	}
	if _, err := d.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("decisions: %w", err)
	}
	if err := d.file.Sync(); err != nil {
		return fmt.Errorf("decisions: %w", err)
	}
	if d.byID[x.ID] = x; x.Decision == None {
		delete(d.byID, x.ID)
	}
	return nil
}

// Close ends the adding.
func (d *Decisions) Close() error { return errors.Join(d.file.Close(), d.release()) }
