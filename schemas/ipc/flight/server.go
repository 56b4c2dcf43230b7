package flight

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight"
	arrowipc "github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options are a server's.
type Options struct {
	// Datasets are served, each under its digest. They must hold sequences.
	Datasets []*shard.Dataset
	// Token, if not "", must come with every call, as "authorization: Bearer TOKEN".
	Token string
	// TLS, if not nil, holds the server's certificate.
	TLS *tls.Config
	// MaxMessage bounds what is sent at once, in bytes; 0 means DefaultMessage.
	MaxMessage int
	// MaxStreams is the number of streams that are served at once; 0 means 16.
	MaxStreams int
}

// Validate reports every problem at once.
func (o Options) Validate() error {
	var errs []error
	seen := map[string]string{}
	for _, d := range o.Datasets {
		m := d.Manifest()
		if m.Kind != schemas.KindSequence {
			errs = append(errs, fmt.Errorf("%s holds rows of kind %s; only sequences are served", d.Dir(),
				m.Kind))
		}
		if other, ok := seen[m.Digest]; ok {
			errs = append(errs, fmt.Errorf("%s and %s are the same dataset", other, d.Dir()))
		}
		seen[m.Digest] = d.Dir()
	}
	if len(o.Datasets) == 0 {
		errs = append(errs, errors.New("no dataset to serve"))
	}
	if o.MaxMessage < 0 || o.MaxStreams < 0 {
		errs = append(errs, fmt.Errorf("at most %d streams with messages of %d bytes", o.MaxStreams,
			o.MaxMessage))
	}
	return errors.Join(errs...)
}

// stopTime is how long streams may go on after Serve was told to stop.
const stopTime = 5 * time.Second

// Serve answers calls on l, which it closes, until ctx ends; then it lets streams finish for a few
// seconds.
func Serve(ctx context.Context, l net.Listener, o Options) error {
	if err := o.Validate(); err != nil {
		return errors.Join(fmt.Errorf("serve: %w", err), l.Close())
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = DefaultMessage
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = 16
	}
	s := &server{o: o, streams: make(chan struct{}, o.MaxStreams)}
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(1 << 16), grpc.MaxSendMsgSize(o.MaxMessage + 1<<20),
		grpc.MaxConcurrentStreams(uint32(2*o.MaxStreams + 16)), grpc.ConnectionTimeout(20 * time.Second),
		grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream),
	}
	if o.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(o.TLS)))
	}
	g := grpc.NewServer(options...)
	flight.RegisterFlightServiceServer(g, s)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	timer := time.AfterFunc(stopTime, g.Stop)
	defer timer.Stop()
	g.GracefulStop()
	return nil
}

// server implements the read-only part of the Flight service.
type server struct {
	flight.BaseFlightServer
	o       Options
	streams chan struct{} // one for each DoGet
}

func (s *server) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (
	any, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (s *server) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo,
	next grpc.StreamHandler) error {
	if err := s.authorize(stream.Context()); err != nil {
		return err
	}
	return next(srv, stream)
}

// authorize compares the call's token in constant time.
func (s *server) authorize(ctx context.Context) error {
	if s.o.Token == "" {
		return nil
	}
	want := sha256.Sum256([]byte("Bearer " + s.o.Token))
	md, _ := metadata.FromIncomingContext(ctx)
	given := md.Get("authorization")
	if len(given) == 1 {
		got := sha256.Sum256([]byte(given[0]))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			return nil
		}
	}
	if len(given) == 0 {
		return status.Error(codes.Unauthenticated, "the server wants a token, the call has none")
	}
	return status.Error(codes.Unauthenticated, "the call's token is not the server's")
}

func (s *server) dataset(digest string) (*shard.Dataset, error) {
	for _, d := range s.o.Datasets {
		if d.Manifest().Digest == digest {
			return d, nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "no dataset %.80q is served here; served are %s", digest,
		strings.Join(s.digests(), ", "))
}

func (s *server) digests() (all []string) {
	for _, d := range s.o.Datasets {
		all = append(all, d.Manifest().Digest)
	}
	return all
}

// ListFlights lists each split of each dataset.
func (s *server) ListFlights(_ *flight.Criteria, out flight.FlightService_ListFlightsServer) error {
	for _, d := range s.o.Datasets {
		for _, split := range d.Splits() {
			t := Ticket{Dataset: d.Manifest().Digest, Split: split}
			if err := out.Send(info(d, t, path(t))); err != nil {
				return err
			}
		}
	}
	return nil
}

// path is the descriptor of a dataset's split.
func path(t Ticket) *flight.FlightDescriptor {
	return &flight.FlightDescriptor{
		Type: flight.DescriptorPATH, Path: []string{t.Dataset, t.Split},
	}
}

func info(d *shard.Dataset, t Ticket, of *flight.FlightDescriptor) *flight.FlightInfo {
	rows, _ := d.Count(t.Split)
	rows = max(rows-t.Start, 0)
	if t.Count > 0 {
		rows = min(rows, t.Count)
	}
	stride := max(t.Stride, 1)
	return &flight.FlightInfo{
		Schema:           flight.SerializeSchema(shard.ArrowSchema(d.Manifest()), memory.DefaultAllocator),
		FlightDescriptor: of, TotalRecords: (rows + stride - 1) / stride, TotalBytes: -1, Ordered: true,
		Endpoint: []*flight.FlightEndpoint{{Ticket: &flight.Ticket{Ticket: t.Bytes()}}},
	}
}

// described returns the ticket of a descriptor: a path DIGEST [SPLIT], or a ticket as a command.
func (s *server) described(of *flight.FlightDescriptor) (*shard.Dataset, Ticket, error) {
	var t Ticket
	var err error
	switch {
	case of.GetType() == flight.DescriptorCMD:
		t, err = ParseTicket(of.GetCmd())
	case len(of.GetPath()) == 1 || len(of.GetPath()) == 2:
		t.Dataset = of.GetPath()[0]
		if len(of.GetPath()) == 2 {
			t.Split = of.GetPath()[1]
		}
	default:
		err = errors.New("a descriptor is the path DIGEST SPLIT or a ticket as its command")
	}
	if err != nil {
		return nil, t, status.Error(codes.InvalidArgument, err.Error())
	}
	d, err := s.dataset(t.Dataset)
	if err == nil && t.Split != "" && !slices.Contains(d.Splits(), t.Split) {
		err = status.Errorf(codes.NotFound, "split %.80q is not in the dataset, which has %s", t.Split,
			strings.Join(d.Splits(), ", "))
	}
	return d, t, err
}

// GetFlightInfo describes a stream and gives its ticket.
func (s *server) GetFlightInfo(_ context.Context, of *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	d, t, err := s.described(of)
	if err != nil {
		return nil, err
	}
	return info(d, t, of), nil
}

// GetSchema returns the schema of a stream.
func (s *server) GetSchema(_ context.Context, of *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	d, _, err := s.described(of)
	if err != nil {
		return nil, err
	}
	schema := flight.SerializeSchema(shard.ArrowSchema(d.Manifest()), memory.DefaultAllocator)
	return &flight.SchemaResult{Schema: schema}, nil
}

// Batches hold so many rows and tokens unless a ticket wants fewer rows, or a row is longer.
const (
	batchRows   = 256
	batchTokens = 256 << 10
)

// DoGet streams the rows of a ticket.
func (s *server) DoGet(ticket *flight.Ticket, out flight.FlightService_DoGetServer) error {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return status.Errorf(codes.ResourceExhausted, "all %d streams are in use; try again later",
			cap(s.streams))
	}
	t, err := ParseTicket(ticket.GetTicket())
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	d, err := s.dataset(t.Dataset)
	if err != nil {
		return err
	}
	o := t.options()
	if o.BatchRows == 0 {
		o.BatchRows = batchRows
	}
	o.BatchTokens = batchTokens
	r, err := d.Sequences(out.Context(), o)
	if err != nil {
		return status.Error(codes.InvalidArgument, withoutPlace(err, d))
	}
	defer r.Release()
	return s.send(r, out, d)
}

func (s *server) send(r array.RecordReader, out flight.FlightService_DoGetServer, d *shard.Dataset) error {
	w := flight.NewRecordWriter(out, arrowipc.WithSchema(r.Schema()))
	sent := false
	for r.Next() {
		if n := recordBytes(r); n > s.o.MaxMessage {
			return status.Errorf(codes.ResourceExhausted, "a row of %d bytes is more than the server's "+
				"greatest message of %d; serve with a greater --max-message", n, s.o.MaxMessage)
		}
		if err := w.Write(r.Record()); err != nil {
			return status.FromContextError(out.Context().Err()).Err()
		}
		sent = true
	}
	if err := r.Err(); err != nil {
		if ctx := out.Context().Err(); ctx != nil {
			return status.FromContextError(ctx).Err()
		}
		return status.Error(codes.DataLoss, withoutPlace(err, d))
	}
	if !sent {
		return w.Close() // sends the schema
	}
	return nil
}

// recordBytes is the size of the current record's tokens, nearly all that it holds.
func recordBytes(r array.RecordReader) int {
	return 4 * r.Record().Column(0).(*array.List).ListValues().Len()
}

// withoutPlace keeps the server's paths out of what clients read.
func withoutPlace(err error, d *shard.Dataset) string {
	return strings.ReplaceAll(err.Error(), d.Dir(), d.Manifest().Digest)
}

// DoAction returns a companion of a dataset, in pieces.
func (s *server) DoAction(a *flight.Action, out flight.FlightService_DoActionServer) error {
	if a.GetType() != fileAction {
		return status.Errorf(codes.Unimplemented, "no action %.80q; there is %q", a.GetType(), fileAction)
	}
	digest, name, _ := strings.Cut(string(a.GetBody()), "/")
	d, err := s.dataset(digest)
	if err != nil {
		return err
	}
	if !slices.Contains(served[:], name) {
		return status.Errorf(codes.NotFound, "no file %.80q is served", name)
	}
	f, err := d.Files().Open(out.Context(), name)
	if errors.Is(err, os.ErrNotExist) {
		return status.Errorf(codes.NotFound, "the dataset has no %s", name)
	}
	if err != nil {
		return status.Error(codes.Internal, withoutPlace(err, d))
	}
	defer f.Close()
	r, buffer := io.NewSectionReader(f, 0, f.Size()), make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(r, buffer)
		if n > 0 {
			if err := out.Send(&flight.Result{Body: buffer[:n]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return status.Error(codes.Internal, withoutPlace(err, d))
		}
	}
}

// ListActions lists the one action.
func (s *server) ListActions(_ *flight.Empty, out flight.FlightService_ListActionsServer) error {
	return out.Send(&flight.ActionType{
		Type: fileAction, Description: "DIGEST/NAME: a dataset's manifest.json or tokenizer.json, in pieces",
	})
}
