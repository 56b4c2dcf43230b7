package fetch

import (
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"strings"
)

// isFinal reports a failed request that another try will not save.
func isFinal(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return true
	}
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	text := err.Error()
	return authority || host || strings.Contains(text, "redirect") ||
		strings.Contains(text, "unsupported protocol scheme")
}

// strip takes the method and the address off an error: the caller names them.
func strip(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
