package encode

import "sync"

// workerBytes is how much text each worker may hold on average, in bytes: a full row group, which has 8
// MiB and what belongs to its rows. Only documents longer than that may have to wait for others.
const workerBytes = 9 << 20

// room bounds the text that all workers hold together, so that several of the longest documents at once
// do not decide over the memory of a corpus. What is larger than the whole has it alone.
type room struct {
	turn sync.Mutex // one waits at a time, so that a large one's time comes
	mu   sync.Mutex
	more sync.Cond
	most int64
	free int64
}

func newRoom(most int64) *room {
	r := &room{most: most, free: most}
	r.more.L = &r.mu
	return r
}

// take waits for n bytes and returns what is to be given back.
func (r *room) take(n int64) int64 {
	n = min(n, r.most)
	r.turn.Lock()
	defer r.turn.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.free < n {
		r.more.Wait()
	}
	r.free -= n
	return n
}

func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += n
	r.more.Signal()
}
