package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// statusError is an answer that is no content.
type statusError struct {
	status string
	after  time.Duration // that the server asks to wait
}

func (e *statusError) Error() string { return "the server answers " + e.status }

// mostWait bounds how long a server can make a download wait.
const mostWait = 2 * time.Minute

// wait sleeps before the next try, as long as the server asked for.
func (l *loader) wait(ctx context.Context, failed int, err error) error {
	asked, ok := errors.AsType[*statusError](err)
	if !ok || asked.after <= 0 {
		return l.retry.Wait(ctx, failed)
	}
	t := time.NewTimer(min(asked.after, mostWait))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// connect makes one request for what is missing of a file and appends what comes. again says that the
// failure may pass.
func (l *loader) connect(ctx context.Context, address, path string) (again bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	idle := time.AfterFunc(l.retry.Idle, cancel)
	defer idle.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("User-Agent", "longlora-pipeline")
	req.Header.Set("Accept-Encoding", "identity") // ranges are of the bytes that are hashed
	at, s := sizeOf(path), readState(path, address)
	if s.Validator == "" {
		at = 0
	}
	if at > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
		req.Header.Set("If-Range", s.Validator)
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return !isFinal(err), strip(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	at, err = begin(resp, at, s.Validator)
	if err != nil && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		// what is there may be whole, or of longer content: the next try begins anew
		return true, errors.Join(err, os.RemoveAll(path+stateSuffix))
	}
	if err != nil {
		return isPassing(resp.StatusCode), err
	}
	return l.append(resp, address, path, at, func() { idle.Reset(l.retry.Idle) })
}

// begin checks an answer and returns the place of its first byte.
func begin(resp *http.Response, at int64, validator string) (int64, error) {
	switch resp.StatusCode {
	case http.StatusOK:
		return 0, nil // also if the content is no longer that of before
	case http.StatusPartialContent:
		var from int64
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &from)
		if err != nil || from != at || validatorOf(resp) != validator {
			return 0, fmt.Errorf("the server answers a range from %d with %q", at,
				resp.Header.Get("Content-Range"))
		}
		return at, nil
	case http.StatusRequestedRangeNotSatisfiable:
		if whole, ok := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes */"); ok &&
			whole == strconv.FormatInt(at, 10) {
			resp.Body, resp.ContentLength = http.NoBody, 0
			return at, nil // the last connection broke after its last byte
		}
	}
	return 0, &statusError{resp.Status, retryAfter(resp)}
}

// retryAfter reads how many seconds a server asks to wait.
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// isPassing reports a status after which it may go better.
func isPassing(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout ||
		status >= 500 && status != http.StatusNotImplemented ||
		status == http.StatusPartialContent
}

// validatorOf returns what tells one content of an address from another; weak tags do not.
func validatorOf(resp *http.Response) string {
	if tag := resp.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return resp.Header.Get("Last-Modified")
}

// append writes an answer's body to a file from a place on, and requires all of it.
func (l *loader) append(resp *http.Response, address, path string, at int64,
	alive func()) (again bool, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if at == 0 { // of other content than what the file may hold
		if err := f.Truncate(0); err != nil {
			return false, err
		}
		if err := writeState(path, state{address, validatorOf(resp)}); err != nil {
			return false, err
		}
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return false, err
	}
	w := &counted{f: f, l: l, alive: alive}
	n, err := io.Copy(w, resp.Body)
	if w.err != nil {
		return false, w.err // the disk, not the line
	}
	if err == nil && resp.ContentLength >= 0 && n != resp.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return true, fmt.Errorf("the line broke after %d bytes: %w", at+n, strip(err))
	}
	return false, nil
}

// counted writes to a file and counts.
type counted struct {
	f     *os.File
	l     *loader
	alive func()
	err   error // of the file
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.f.Write(p)
	c.err = err
	c.alive()
	c.l.bytes.Add(int64(n))
	if c.l.progress != nil {
		c.l.progress(int64(n))
	}
	return n, err
}
