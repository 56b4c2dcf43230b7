package serve

import (
	"errors"
	"net/http"
	"testing"

	"longlora/trainer/decode"
)

// TestBlame: what fails once it has begun is no fault of the request.
func TestBlame(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{bad("n is 0"), http.StatusBadRequest},
		{decode.ErrBusy, http.StatusTooManyRequests},
		{broken(decode.ErrClosed), http.StatusServiceUnavailable},
		{broken(errors.New("no memory")), http.StatusInternalServerError},
	} {
		if got := explain(c.err).status; got != c.want {
			t.Errorf("%v: status %d, want %d", c.err, got, c.want)
		}
	}
}
