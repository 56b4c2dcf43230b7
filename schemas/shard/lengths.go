package shard

import (
	"math/bits"

	"longlora/schemas"
)

// lengths counts texts by the powers of two that their lengths lie between.
type lengths struct {
	buckets [bits.UintSize]struct{ count, total int64 } // by number of binary digits
}

func (l *lengths) add(n int64) {
	b := &l.buckets[bits.Len64(uint64(n))]
	b.count, b.total = b.count+1, b.total+n
}

func (l *lengths) merge(o *lengths) {
	for i, b := range o.buckets {
		l.buckets[i].count += b.count
		l.buckets[i].total += b.total
	}
}

// list returns the buckets from the first to the last that holds something.
func (l *lengths) list() (list []schemas.LengthBucket) {
	empty := 0
	for digits, b := range l.buckets {
		bucket := schemas.LengthBucket{From: 1 << digits >> 1, To: 1 << digits, Count: b.count, Total: b.total}
		if b.count > 0 {
			empty = len(list) + 1
		}
		if empty > 0 || b.count > 0 {
			list = append(list, bucket)
		}
	}
	return list[:empty]
}
