package shard

import (
	"container/list"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
)

// groupCache keeps decoded row groups, the least recently used of which go when they are more than
// bound bytes. One goroutine uses it; others fetch.
type groupCache struct {
	fetch  func(groupKey) (arrow.Record, error)
	bound  int64
	held   int64
	groups map[groupKey]*list.Element // of *cachedGroup
	recent *list.List
	flying sync.WaitGroup
	slots  chan struct{} // one for each fetch ahead
}

// fetchesAhead is the number of row groups that are read at once, beside the one that is waited for.
const fetchesAhead = 2

// cachedGroup is a row group, or the promise of one.
type cachedGroup struct {
	key    groupKey
	size   int64
	ready  chan struct{}
	record arrow.Record
	err    error
}

func newGroupCache(fetch func(groupKey) (arrow.Record, error), bound int64) *groupCache {
	return &groupCache{
		fetch: fetch, bound: bound, groups: map[groupKey]*list.Element{}, recent: list.New(),
		slots: make(chan struct{}, fetchesAhead),
	}
}

// get returns a row group, which stays valid until the next call unless it is retained.
func (c *groupCache) get(key groupKey, size int64) (arrow.Record, error) {
	e, ok := c.groups[key]
	if !ok {
		g := c.add(key, size)
		g.record, g.err = c.fetch(key)
		close(g.ready)
		e = c.groups[key]
	}
	c.recent.MoveToFront(e)
	g := e.Value.(*cachedGroup)
	<-g.ready
	return g.record, g.err
}

// want begins to fetch a row group and reports whether there was room for it or it is there.
func (c *groupCache) want(key groupKey, size int64) bool {
	if _, ok := c.groups[key]; ok {
		return true
	}
	if !c.makeRoom(size, c.recent.Len() > 0) {
		return false
	}
	select {
	case c.slots <- struct{}{}:
	default:
		return false
	}
	g := c.add(key, size)
	c.flying.Go(func() {
		defer func() { <-c.slots }()
		g.record, g.err = c.fetch(key)
		close(g.ready)
	})
	return true
}

func (c *groupCache) add(key groupKey, size int64) *cachedGroup {
	c.makeRoom(size, false)
	g := &cachedGroup{key: key, size: size, ready: make(chan struct{})}
	c.groups[key] = c.recent.PushFront(g)
	c.held += size
	return g
}

// makeRoom drops row groups until size bytes fit, and reports whether they do; it keeps the most
// recent one on demand. Groups on their way are never dropped.
func (c *groupCache) makeRoom(size int64, keepFirst bool) bool {
	for c.held+size > c.bound {
		last := c.recent.Back()
		if last == nil || keepFirst && last == c.recent.Front() {
			return false
		}
		g := last.Value.(*cachedGroup)
		select {
		case <-g.ready:
		default:
			return false
		}
		c.recent.Remove(last)
		delete(c.groups, g.key)
		c.held -= g.size
		g.release()
	}
	return true
}

func (g *cachedGroup) release() {
	if g.record != nil {
		g.record.Release()
	}
}

// close waits for what is on its way and drops everything.
func (c *groupCache) close() {
	c.flying.Wait()
	for _, e := range c.groups {
		e.Value.(*cachedGroup).release()
	}
	clear(c.groups)
}
