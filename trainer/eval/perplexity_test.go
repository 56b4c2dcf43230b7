package eval

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"longlora/schemas"
)

// closeTo allows for float64 sums in another order: each of up to 10^5 terms below 1 rounds the sum
// by at most 2^-53 of its size.
func closeTo(got, want float64) bool { return math.Abs(got-want) <= 1e5*0x1p-53*math.Abs(want) }

func TestPerTokenScoresEachTargetOnce(t *testing.T) {
	seqs := []schemas.Sequence{sequence(0, 5, 1, 9), sequence(100, 23), sequence(200, 2, 2, 2, 7)}
	seqs[1].LossSpans = []schemas.LossSpan{{Start: 3, End: 6}, {Start: 10, End: 23}}
	for _, limit := range []int{2, 3, 7, 8, 22, 23, 30} {
		var want, sum float64
		for _, s := range seqs {
			target := map[int]bool{}
			for _, span := range s.LossSpans {
				for i := span.Start; i < span.End; i++ {
					target[int(i)] = true
				}
			}
			from := 0
			for _, n := range s.DocLens {
				for i := 1; i < int(n); i++ { // token i of its document stands in piece (i-1)/(limit-1)
					if target[from+i] {
						begin := (i - 1) / (limit - 1) * (limit - 1)
						want += float64(hashLoss(s.InputIDs[from+begin : from+i+1]))
						sum++
					}
				}
				from += int(n)
			}
		}
		for _, most := range []int{limit, limit + 1, 3 * limit, 1000} {
			got, err := PerToken(context.Background(), &fake{max: most}, each(t, seqs...), limit, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.Tokens != int64(sum) || !closeTo(got.NLL, want/sum) ||
				!closeTo(got.Perplexity, math.Exp(want/sum)) {
				t.Errorf("limit %d, %d at once: %+v, want %v over %v tokens",
					limit, most, got, want/sum, sum)
			}
		}
	}
}

func TestPerTokenBuckets(t *testing.T) {
	s := sequence(0, 1500)
	got, err := PerToken(context.Background(), &fake{max: 1500}, each(t, s), 1500, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Bucket{{From: 0, To: 512}, {From: 512, To: 1024}, {From: 1024, To: 1500}}
	for i := range want {
		b := &want[i]
		for p := max(b.From, 1); p < b.To; p++ {
			b.NLL += float64(hashLoss(s.InputIDs[:p+1]))
			b.Tokens++
		}
		b.NLL /= float64(b.Tokens)
	}
	if len(got.Buckets) != len(want) {
		t.Fatalf("got %+v, want %+v", got.Buckets, want)
	}
	for i, b := range got.Buckets {
		w := want[i]
		if b.From != w.From || b.To != w.To || b.Tokens != w.Tokens || !closeTo(b.NLL, w.NLL) {
			t.Errorf("bucket %d: got %+v, want %+v", i, b, w)
		}
	}
}

func TestPerTokenRefuses(t *testing.T) {
	_, err := PerToken(context.Background(), &fake{max: 8}, each(t), 8, nil)
	if !errors.Is(err, ErrNoTargets) {
		t.Errorf("no target: got %v, want %v", err, ErrNoTargets)
	}
	_, err = PerToken(context.Background(), &fake{max: 8}, each(t, sequence(0, 4)), 9, nil)
	if err == nil || !strings.Contains(err.Error(), "want 2 to 8") {
		t.Errorf("pieces longer than a call: got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = PerToken(ctx, &fake{max: 8}, each(t, sequence(0, 4)), 8, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// TestWindows holds the protocol against its Python source, transcribed: range(0, len-size, 256)
// without its last element, and the mean over windows of each window's mean loss.
func TestWindows(t *testing.T) {
	const size = 300
	for _, n := range []int{813, 1068, 1069, 1500} {
		stream := numbered(0, n)
		var starts []int
		for i := 0; i < n-size; i += 256 {
			starts = append(starts, i)
		}
		starts = starts[:len(starts)-1]
		var want float64
		for _, from := range starts {
			mean := 0.0
			for i := 1; i < size; i++ {
				mean += float64(hashLoss(stream[from : from+i+1]))
			}
			want += mean / (size - 1) / float64(len(starts))
		}
		seqs := each(t, sequence(0, 100, 200), sequence(300, int32(n-300)))
		got, err := Windows(context.Background(), &fake{max: 700}, seqs, size, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Tokens != int64(len(starts)*(size-1)) || !closeTo(got.NLL, want) {
			t.Errorf("%d tokens: got %+v, want %v over %d windows", n, got, want, len(starts))
		}
	}
	_, err := Windows(context.Background(), &fake{max: 700}, each(t, sequence(0, 556)), size, nil)
	if err == nil || !strings.Contains(err.Error(), "at least 557 are needed") {
		t.Errorf("one window, which is dropped: got %v", err)
	}
}

func TestSliding(t *testing.T) {
	for _, c := range []struct{ n, window, step int }{
		{1, 8, 2}, {7, 8, 2}, {8, 8, 2}, {9, 8, 2}, {40, 8, 1}, {41, 8, 7}, {100, 16, 5},
	} {
		ids := numbered(3, c.n)
		got, err := Sliding(context.Background(), &fake{max: 37}, ids, c.window, c.step, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != c.n {
			t.Fatalf("%+v: %d losses", c, len(got))
		}
		for i := 1; i < c.n; i++ {
			// Windows end at window, window+step, …: token i's is the first that holds it.
			end := c.window
			for end <= i {
				end += c.step
			}
			begin := max(0, min(end, c.n)-c.window)
			if before := i - begin; i >= c.window && (before < c.window-c.step || before >= c.window) {
				t.Errorf("%+v: token %d has %d tokens before it", c, i, before)
			}
			if want := hashLoss(ids[begin : i+1]); got[i] != want {
				t.Errorf("%+v: token %d: got %v, want %v", c, i, got[i], want)
			}
		}
	}
}
