package serve

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"longlora/trainer/decode"
)

// problem is why a request is refused, as the API says it.
type problem struct {
	status        int
	code, message string
}

func (p problem) Error() string { return p.message }

// bad is a request that is wrong.
func bad(format string, args ...any) error {
	return problem{http.StatusBadRequest, "invalid_request", fmt.Sprintf(format, args...)}
}

// broken is how a generation failed that was begun: the request is not to blame.
func broken(err error) error {
	if errors.Is(err, decode.ErrClosed) {
		return err
	}
	return problem{http.StatusInternalServerError, "internal_error", err.Error()}
}

// explain says what an error is to the client.
func explain(err error) problem {
	var p problem
	var long *decode.TooLongError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &long):
		return problem{http.StatusBadRequest, "context_length_exceeded", long.Error() +
			"; shorten the prompt or ask for fewer tokens"}
	case errors.As(err, &large):
		return problem{http.StatusRequestEntityTooLarge, "request_too_large",
			fmt.Sprintf("the request has more than %d bytes", large.Limit)}
	case errors.Is(err, decode.ErrBusy):
		return problem{http.StatusTooManyRequests, "rate_limit_exceeded", err.Error()}
	case errors.Is(err, decode.ErrClosed):
		return problem{http.StatusServiceUnavailable, "shutting_down", err.Error()}
	}
	return problem{http.StatusBadRequest, "invalid_request", err.Error()}
}

// body is the problem as JSON.
func (p problem) body() map[string]any {
	kind := "invalid_request_error"
	if p.status >= 500 {
		kind = "server_error"
	}
	return map[string]any{"error": map[string]any{
		"message": p.message, "type": kind, "code": p.code, "param": nil}}
}

// fail answers with an error.
func (s *Server) fail(w http.ResponseWriter, err error) {
	p := explain(err)
	s.counts.answered(p.status)
	if p.status == http.StatusTooManyRequests || p.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	w.Write(encode(p.body())) //nolint:errcheck // the client has gone
}

// reply answers with a value.
func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(encode(v)) //nolint:errcheck // the client has gone
}

func encode(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // of values of this package
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// decodeBody reads a request, which has a time to come.
func decodeBody(w http.ResponseWriter, r *http.Request, v any) error {
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(readTimeout)) == nil {
		defer control.SetReadDeadline(time.Time{}) //nolint:errcheck // as the first
	}
	kind := r.Header.Get("Content-Type")
	if kind != "" && !strings.HasPrefix(kind, "application/json") {
		return problem{http.StatusUnsupportedMediaType, "unsupported_media_type",
			"Content-Type is " + kind + ", want application/json"}
	}
	d := json.NewDecoder(r.Body)
	err := d.Decode(v)
	if err == nil && d.More() {
		err = errors.New("something follows the object")
	}
	var large *http.MaxBytesError
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem{http.StatusRequestTimeout, "request_timeout",
			fmt.Sprintf("the request did not come within %v", readTimeout)}
	}
	if err != nil && !errors.As(err, &large) {
		return bad("the body is not as it should be: %v", err)
	}
	return err
}

// newID returns a name that no other reply has.
func newID(prefix string) string { return prefix + "-" + rand.Text() }
