package cli

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/schemas/ipc/flight"
)

type serveFlags struct {
	listen, cert, key, token string
	o                        flight.Options
	remote                   *cacheFlags
}

func newServe() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve DATASET…",
		Short: "Serve sequence datasets to trainers over Arrow Flight",
		Long: "Serve sequence datasets to trainers over Arrow Flight, read-only.\n\nA line for each " +
			"dataset says where trainers find it:\n\n" +
			"  trainer sft --shards grpc://127.0.0.1:8815@DIGEST\n\n" +
			"A trainer gives the token in $" + flight.TokenVariable + " and, if the machine does not trust " +
			"the\nserver's certificate, names it in $" + flight.CAVariable + ". Beyond this machine, both " +
			"TLS and a\ntoken are required. A dataset may lie at a URL: its row groups come through the cache. An\n" +
			"interrupt ends it.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runServe(c, args, f) },
	}
	f.remote = addCacheFlags(c)
	fs := c.Flags()
	fs.StringVar(&f.listen, "listen", "127.0.0.1:8815", "address and port to listen on; port 0: any")
	fs.StringVar(&f.cert, "tls-cert", "", "PEM file of the server's certificate")
	fs.StringVar(&f.key, "tls-key", "", "PEM file of its key")
	fs.StringVar(&f.token, "token-file", "", "file with the token that clients must give")
	fs.IntVar(&f.o.MaxMessage, "max-message", flight.DefaultMessage, "most bytes of a message")
	fs.IntVar(&f.o.MaxStreams, "max-streams", 16, "most streams at once")
	return c
}

func runServe(c *cobra.Command, dirs []string, f serveFlags) error {
	if err := f.read(); err != nil {
		return err
	}
	for _, dir := range dirs {
		d, err := f.remote.open(c.Context(), dir)
		if err != nil {
			return fmt.Errorf("serve: %w", err)
		}
		f.o.Datasets = append(f.o.Datasets, d)
	}
	if err := f.o.Validate(); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("serve: %w; choose another with --listen", err)
	}
	scheme := flight.SchemePlain
	if f.o.TLS != nil {
		scheme = flight.SchemeTLS
	}
	for _, d := range f.o.Datasets {
		_, err := fmt.Fprintf(c.OutOrStdout(), "%s://%s@%s %s\n", scheme, l.Addr(), d.Manifest().Digest,
			d.Dir())
		if err != nil {
			return errors.Join(err, l.Close())
		}
	}
	return flight.Serve(c.Context(), l, f.o)
}

// read reads what the flags name and refuses to serve other machines unprotected.
func (f *serveFlags) read() error {
	if (f.cert == "") != (f.key == "") {
		return command.Usagef("serve: --tls-cert and --tls-key belong together")
	}
	if f.o.MaxMessage <= 0 || f.o.MaxStreams <= 0 {
		return command.Usagef("serve: --max-message %d and --max-streams %d, want more than 0",
			f.o.MaxMessage, f.o.MaxStreams)
	}
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return command.Usagef("serve: --listen %s: %w", f.listen, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) &&
		(f.cert == "" || f.token == "") {
		return command.Usagef("serve: --listen %s reaches beyond this machine: that needs --tls-cert, "+
			"--tls-key and --token-file", f.listen)
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return fmt.Errorf("serve: %s and %s: %w", f.cert, f.key, err)
		}
		f.o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if f.token != "" {
		data, err := os.ReadFile(f.token)
		if err != nil {
			return fmt.Errorf("serve: %w", err)
		}
		if f.o.Token = string(bytes.TrimSpace(data)); f.o.Token == "" {
			return fmt.Errorf("serve: the token file %s is empty", f.token)
		}
	}
	return nil
}
