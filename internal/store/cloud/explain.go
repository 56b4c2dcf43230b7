package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"

	"longlora/internal/store"
)

// answer is how a store's service refused a request. Status 0 means that no answer came.
type answer struct {
	status        int
	code, message string
}

func (a answer) String() string {
	text := fmt.Sprintf("status %d", a.status)
	if a.code != "" && a.code != fmt.Sprint(a.status) {
		text += " " + a.code
	}
	if a.message != "" && a.message != a.code {
		text += ": " + strings.Join(strings.Fields(a.message), " ")
	}
	return text
}

// explain turns a library's errors into those of package store, with a way out for the user.
type explain struct {
	// answer reads an error of the library.
	answer func(error) answer
	// credentials tells how to give credentials.
	credentials string
}

// request explains the failure of a request.
func (x explain) request(err error) error {
	a := x.answer(err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", store.ErrTemporary, cause(err)) // unless the caller gave up
	case a.status == 0:
		return x.network(err)
	case a.status < http.StatusMultipleChoices: // a good answer that could not be read to its end
		return fmt.Errorf("%w: %w", store.ErrTemporary, cause(err))
	case a.code == "NoSuchBucket", a.code == "ContainerNotFound",
		a.status == http.StatusNotFound && strings.Contains(a.message, "bucket does not exist"):
		return fmt.Errorf("%v; check the bucket's name", a)
	case a.status == http.StatusNotFound:
		return fs.ErrNotExist
	case a.code == "ConditionalRequestConflict", a.code == "OperationAborted":
		return fmt.Errorf("%w: %v", store.ErrTemporary, a)
	case a.status == http.StatusPreconditionFailed, a.status == http.StatusConflict:
		return fs.ErrExist
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return fmt.Errorf("%w (%v); %s, or ask for the right to do this", fs.ErrPermission, a,
			x.credentials)
	case a.status == http.StatusRequestedRangeNotSatisfiable:
		return errors.New("the object is shorter than what is read of it: it is damaged or was changed")
	case a.status == http.StatusMovedPermanently:
		return fmt.Errorf("%v; the bucket lies in another region: set AWS_REGION to it", a)
	case a.status == http.StatusRequestTimeout, a.status == http.StatusTooManyRequests,
		a.status >= http.StatusInternalServerError && a.status != http.StatusNotImplemented:
		return fmt.Errorf("%w: %v", store.ErrTemporary, a)
	}
	return errors.New(a.String())
}

// network explains that no answer came.
func (x explain) network(err error) error {
	text := err.Error()
	for _, sign := range []string{"get credentials", "default credentials", "DefaultAzureCredential"} {
		if strings.Contains(text, sign) {
			return fmt.Errorf("there are no credentials; %s", x.credentials)
		}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return fmt.Errorf("no host has the name %s; check the URL and the endpoint", dns.Name)
	}
	if broken(err) {
		return fmt.Errorf("%w: %w", store.ErrTemporary, cause(err))
	}
	return errors.New(strings.Join(strings.Fields(text), " "))
}

// body explains a body that broke off.
func (x explain) body(err error) error {
	return fmt.Errorf("%w: %w", store.ErrTemporary, cause(err))
}

// broken reports an error of the connection.
func broken(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, e := range []error{
		io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EPIPE,
		net.ErrClosed,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// cause is the innermost error: libraries wrap it into lines of their own names.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		if _, ok := err.(*net.OpError); ok {
			return err
		}
		err = inner
	}
}
