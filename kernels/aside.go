package kernels

// Aside is a Backend beside whose memory lies the host's, which copies reach while operators run.
type Aside interface {
	Backend
	// NewHostArena reserves memory of the host. Its tensors may be CopyAside's, and AdamW's moments.
	NewHostArena(size int64) (Arena, error)
	// CopyAside copies src to dst, of one type and shape and without gaps, one of the two in a host
	// arena. The copy waits for what was queued before it, and runs beside what is queued after it,
	// which may read src, but write neither before Await.
	CopyAside(dst, src Tensor) Copying
	// Await lets what is queued from now on wait for a copy; the zero Copying is none. A copy that
	// nobody awaited is waited for at the end of its Group, or by Sync.
	Await(Copying)
}

// Copying is a copy that was begun, counted from 1.
type Copying int
