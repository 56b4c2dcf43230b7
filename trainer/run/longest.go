package run

// longestContext is the most that longest looks at.
const longestContext = 1 << 24

// point is a context and the bytes that a run with it takes.
type point struct {
	context int
	bytes   float64
}

// toward returns where the line through p and q reaches bytes, in contexts.
func (p point) toward(q point, bytes float64) float64 {
	slope := (q.bytes - p.bytes) / float64(q.context-p.context)
	return float64(p.context) + (bytes-p.bytes)/slope
}

// leastMemory is the --recompute with which the longest context fits.
func (r *Run) leastMemory() string {
	if r.gpu != nil {
		return RecomputeOffload
	}
	return RecomputeLayer
}

// longest returns the longest context that fits into limit bytes, layers computed again and on a GPU
// offloaded, to a thousandth; 0: none. The model's RoPE, and with it the quality, is another matter.
//
// Memory is nearly linear in the context, so that the line through two contexts leads near the
// limit; one that is a thousandth longer is then tried too, to have the limit between them.
func (r *Run) longest(limit int64) (int, error) { return r.longestWith(limit, r.gpu != nil) }

func (r *Run) longestWith(limit int64, offload bool) (int, error) {
	most := float64(limit)
	at := func(context int) (point, error) { return r.at(context, offload) }
	low, err := at(1)
	if err != nil || low.bytes > most {
		return 0, err
	}
	high, err := at(1024)
	for err == nil && high.bytes <= most {
		if high.context == longestContext {
			return longestContext, nil
		}
		next := min(1.001*low.toward(high, most)+1, longestContext)
		low = high
		high, err = at(max(int(next), low.context+1))
	}
	for shorter := true; err == nil && high.context-low.context > max(1, low.context/1024); {
		next := low.toward(high, most)
		if shorter = !shorter; !shorter {
			next += next / 1024
		}
		var p point
		p, err = at(max(low.context+1, min(int(next), high.context-1)))
		if p.bytes <= most {
			low = p
		} else {
			high = p
		}
	}
	return low.context, err
}

// at counts a context with all layers computed again, and offloaded if so.
func (r *Run) at(context int, offload bool) (point, error) {
	t := *r
	t.Config.Context, t.Config.MicroTokens = context, 1
	t.again = t.everything(offload)
	err := t.count()
	return point{context, float64(t.need.Total())}, err
}
