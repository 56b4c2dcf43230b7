package machine

import (
	"reflect"

	"longlora/kernels/parallel"
)

// frame is where a call's operands lie while the threads work on it. Each kind of call has one that
// it uses every time, so that calls allocate nothing.
type frame[T any] struct {
	task parallel.Task
	call T
	rows func(c *T, worker, from, to int)
	one  func(c *T, worker, i int)
	n    int // rows
	size int // rows of a task
}

// frameOf returns the frame of calls of type T.
func frameOf[T any](m *Machine) *frame[T] {
	key := reflect.TypeFor[T]()
	if f, ok := m.frames[key]; ok {
		return f.(*frame[T])
	}
	f := &frame[T]{}
	f.task.Do = func(worker, i int) {
		if f.one != nil {
			f.one(&f.call, worker, i)
			return
		}
		f.rows(&f.call, worker, i*f.size, min((i+1)*f.size, f.n))
	}
	m.frames[key] = f
	return f
}

// run runs n tasks and forgets the operands.
func (f *frame[T]) run(m *Machine, n int) {
	m.Pool.RunTask(n, &f.task)
	var none T
	f.call, f.rows, f.one = none, nil, nil
}

// Kept returns the machine's own T, as the last call that used one left it.
func Kept[T any](m *Machine) *T {
	key := reflect.TypeFor[kept[T]]()
	if x, ok := m.frames[key]; ok {
		return x.(*T)
	}
	x := new(T)
	m.frames[key] = x
	return x
}

// kept tells what Kept returns from a frame.
type kept[T any] struct{}

// Rows calls f for ranges of rows that together are [0, n), on all threads. work is the arithmetic
// of a row, in floats touched: small jobs run on one thread. f gets a copy of c; it should be a
// function of the package or a method's expression, as a closure is allocated anew for each call.
// A call within f must be of another type.
func Rows[T any](m *Machine, n, work int, c T, f func(c *T, worker, from, to int)) {
	fr := frameOf[T](m)
	fr.call, fr.rows, fr.n = c, f, n
	fr.size = max(1, least/max(work, 1), Chunks(n, 8*m.Pool.Threads()))
	fr.run(m, Chunks(n, fr.size))
}

// Tasks calls f for each i in [0, n), on all threads unless all of it together is little work. c
// and f are as in Rows.
func Tasks[T any](m *Machine, n, work int, c T, f func(c *T, worker, i int)) {
	fr := frameOf[T](m)
	fr.call, fr.one = c, f
	if work > 2*least {
		fr.run(m, n)
		return
	}
	for i := range n {
		f(&fr.call, 0, i)
	}
	var none T
	fr.call, fr.one = none, nil
}
