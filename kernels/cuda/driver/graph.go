//go:build gpu

package driver

/*
#include <cuda.h>
#include "driver.h"
*/
import "C"

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"unsafe"
)

// A list whose like has been done once is captured when it comes again, and replayed from then on:
// one call starts all of it. Alike are lists of the same kernels in the same grids, and of the same
// products, copies and clearings at the same places; kernels' arguments may differ, and are set anew.
const (
	maxGraphs   = 8       // that are kept
	maxCommands = 1 << 15 // of a list that is captured
	maxSeen     = 1 << 12 // lists that are remembered
)

// key tells lists apart that are not alike.
type key [sha256.Size]byte

// graph is a captured list.
type graph struct {
	source C.CUgraph
	exec   C.CUgraphExec
	nodes  []C.CUgraphNode // of the launches, by command
	values [][]byte        // their arguments as the graph has them
	used   int
}

// shape returns a list's key.
func (l *list) shape() (k key) {
	h := sha256.New()
	for i := range l.commands {
		c := &l.commands[i]
		switch {
		case c.launch != nil:
			fmt.Fprintf(h, "k%s %v %d %d %d\n", c.launch.kernel, c.launch.grid, c.launch.threads,
				c.launch.shared, len(c.launch.values))
		case c.product != nil:
			fmt.Fprintf(h, "p%v\n", c.product.p)
		case c.clear != nil:
			fmt.Fprintf(h, "c%v\n", *c.clear)
		case c.copy != nil:
			fmt.Fprintf(h, "a%v\n", *c.copy)
		default:
			fmt.Fprintf(h, "w%d\n", c.await)
		}
	}
	h.Sum(k[:0])
	return k
}

// play does a list's commands, as a graph where it can. A driver that does not capture goes without.
func (d *Device) play(l *list) error {
	if d.noGraphs || len(l.commands) > maxCommands {
		return d.each(l, nil)
	}
	k := l.shape()
	if g := d.graphs[k]; g != nil {
		err := d.replay(g, l)
		if err == nil {
			d.replays.Add(1)
		}
		return err
	}
	if !d.seen[k] {
		if len(d.seen) == maxSeen {
			clear(d.seen)
		}
		d.seen[k] = true
		return d.each(l, nil)
	}
	g, err := d.capture(l)
	if err != nil {
		d.noGraphs = true
		return d.each(l, nil) // which says what is wrong, if it is not the graph
	}
	if err := d.keep(k, g); err != nil {
		return err
	}
	d.captures.Add(1)
	return result(C.cuGraphLaunch(g.exec, d.handle()))
}

// capture turns a list into a graph, and starts nothing.
func (d *Device) capture(l *list) (g *graph, err error) {
	g = &graph{nodes: make([]C.CUgraphNode, len(l.commands)), values: make([][]byte, len(l.commands))}
	if err := result(C.cuStreamBeginCapture_v2(d.handle(),
		C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)); err != nil {
		return nil, err
	}
	err = d.each(l, func(i int) error {
		c := l.commands[i].launch
		if c == nil {
			return nil
		}
		g.values[i] = c.values
		return result(C.driver_captured(d.handle(), &g.nodes[i]))
	})
	ended := result(C.cuStreamEndCapture(d.handle(), &g.source))
	if err = errors.Join(err, ended); err == nil {
		err = result(C.cuGraphInstantiateWithFlags(&g.exec, g.source, 0))
	}
	if err != nil {
		return nil, errors.Join(err, g.drop())
	}
	return g, nil
}

// keep remembers a graph, in place of the one that was not used for longest.
func (d *Device) keep(k key, g *graph) (err error) {
	if len(d.graphs) == maxGraphs {
		var oldest key
		for other, h := range d.graphs {
			if old := d.graphs[oldest]; old == nil || h.used < old.used {
				oldest = other
			}
		}
		err = d.graphs[oldest].drop()
		delete(d.graphs, oldest)
	}
	d.clock++
	g.used = d.clock
	d.graphs[k] = g
	return err
}

// replay sets the arguments that differ and starts the graph.
func (d *Device) replay(g *graph, l *list) error {
	d.clock++
	g.used = d.clock
	for i := range l.commands {
		c := l.commands[i].launch
		if c == nil || bytes.Equal(c.values, g.values[i]) {
			continue
		}
		f, err := d.find(c.kernel, c.shared)
		if err != nil {
			return err
		}
		if err := result(C.driver_set_arguments(g.exec, g.nodes[i], f.handle(), C.uint(c.grid[0]),
			C.uint(c.grid[1]), C.uint(c.grid[2]), C.uint(c.threads), C.uint(c.shared),
			unsafe.Pointer(unsafe.SliceData(c.values)), unsafe.SliceData(c.offsets),
			C.int(len(c.offsets)))); err != nil {
			return fmt.Errorf("%s: set arguments: %w", c.kernel, err)
		}
		g.values[i] = c.values
	}
	return result(C.cuGraphLaunch(g.exec, d.handle()))
}

// drop frees a graph: launches that run go on.
func (g *graph) drop() (err error) {
	if g.exec != nil {
		err = result(C.cuGraphExecDestroy(g.exec))
	}
	if g.source != nil {
		err = errors.Join(err, result(C.cuGraphDestroy(g.source)))
	}
	return err
}

func (d *Device) dropGraphs() (err error) {
	for _, g := range d.graphs {
		err = errors.Join(err, g.drop())
	}
	clear(d.graphs)
	return err
}

// Graphs returns how many lists became graphs, and how often one was replayed.
func (d *Device) Graphs() (captured, replayed int64) { return d.captures.Load(), d.replays.Load() }
