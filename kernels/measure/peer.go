package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// peer is a process that times other libraries: a question a line, an answer a line.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// question asks for the best time of an operation.
type question struct {
	Op      string  `json:"op"` // mm, attention, attention_grad
	Library string  `json:"library"`
	Threads int     `json:"threads"`
	M       int     `json:"m,omitempty"` // of mm
	N       int     `json:"n,omitempty"`
	K       int     `json:"k,omitempty"`
	Form    string  `json:"form,omitempty"`
	T       int     `json:"t,omitempty"` // of attention: one causal segment
	H       int     `json:"h,omitempty"`
	KV      int     `json:"kv,omitempty"`
	D       int     `json:"d,omitempty"`
	Seconds float64 `json:"seconds"`
}

func startPeer(command string) (*peer, error) {
	args := strings.Fields(command)
	p := &peer{cmd: exec.Command(args[0], args[1:]...)}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %q: %w", command, err)
	}
	return p, nil
}

// ask returns the peer's answer. After an error it asks nothing more.
func (m *measure) ask(q *question) time.Duration {
	q.Seconds = m.each.Seconds()
	line, err := json.Marshal(q)
	if err == nil {
		_, err = m.peer.in.Write(append(line, '\n'))
	}
	if err == nil && !m.peer.out.Scan() {
		err = fmt.Errorf("no answer")
	}
	var answer struct {
		Seconds float64 `json:"seconds"`
		Error   string  `json:"error"`
	}
	if err == nil {
		err = json.Unmarshal(m.peer.out.Bytes(), &answer)
	}
	if err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	if err != nil {
		m.err = fmt.Errorf("peer: %s: %w", line, err)
	}
	return time.Duration(answer.Seconds * 1e9)
}

func (p *peer) close() {
	p.in.Close()
	p.cmd.Wait()
}
