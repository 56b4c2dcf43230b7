// Command throughput reads every object under a URL and prints how fast that was. It is the part of
// scripts/bench/remote that is ours.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"longlora/internal/store"
	"longlora/internal/store/cloud"
)

// readers is the number of objects that are read at once.
const readers = 8

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "throughput:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string) error {
	s, err := store.Open(ctx, url, store.Options{Drivers: cloud.Drivers()})
	if err != nil {
		return err
	}
	begun := time.Now()
	names := make(chan string)
	var total atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for name := range names {
				n, err := read(ctx, s, name)
				total.Add(n)
				if err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	for f, err := range s.Walk(ctx) {
		if err != nil {
			return err
		}
		names <- f.Name
	}
	close(names)
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	fmt.Printf("%.1f\n", float64(total.Load())/1e6/time.Since(begun).Seconds())
	return s.Close()
}

func read(ctx context.Context, s store.Store, name string) (int64, error) {
	r, err := s.Open(ctx, name, 0)
	if err != nil {
		return 0, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	return io.Copy(io.Discard, r)
}
