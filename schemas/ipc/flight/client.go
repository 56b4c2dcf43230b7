package flight

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"longlora/schemas"
	"longlora/schemas/ipc"
	"longlora/schemas/shard"
)

// ClientOptions say how to reach a server.
type ClientOptions struct {
	// Token goes with every call unless it is "".
	Token string
	// TLS is used with grpc+tls; nil means the machine's certificate authorities.
	TLS *tls.Config
	// MaxMessage bounds what is received at once, in bytes; 0 means DefaultMessage.
	MaxMessage int
}

// IsLocation reports whether text names a dataset on a Flight server.
func IsLocation(text string) bool {
	return strings.HasPrefix(text, SchemePlain+"://") || strings.HasPrefix(text, SchemeTLS+"://")
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Location is a dataset on a server.
type Location struct {
	Scheme, Host string // host and port
	Digest       string
}

// ParseLocation reads grpc://HOST:PORT@DIGEST and grpc+tls://HOST:PORT@DIGEST, where DIGEST may begin
// with "sha256:".
func ParseLocation(text string) (l Location, err error) {
	place, digest, ok := strings.Cut(text, "@")
	u, err := url.Parse(place)
	if err != nil || u.Port() == "" || u.Path != "" || u.RawQuery != "" || !IsLocation(text) {
		return l, fmt.Errorf("%q is no location on a Flight server: want grpc://HOST:PORT@DIGEST or "+
			"grpc+tls://HOST:PORT@DIGEST", text)
	}
	digest = strings.TrimPrefix(digest, "sha256:")
	if !ok || !digestForm.MatchString(digest) {
		return l, fmt.Errorf("%q does not name a dataset: end it in @ and the dataset's digest, 64 hex "+
			"digits, which `pipeline stat` prints", text)
	}
	return Location{Scheme: u.Scheme, Host: u.Host, Digest: digest}, nil
}

// Open opens the dataset at a location as if its files lay here: its rows come by ticket, bit-equal.
func Open(ctx context.Context, location string, o ClientOptions) (*shard.Dataset, error) {
	l, err := ParseLocation(location)
	if err != nil {
		return nil, err
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = DefaultMessage
	}
	creds := insecure.NewCredentials()
	if l.Scheme == SchemeTLS {
		creds = credentials.NewTLS(o.TLS)
	}
	conn, err := grpc.NewClient("passthrough:///"+l.Host, grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(o.MaxMessage+1<<20)))
	if err != nil {
		return nil, fmt.Errorf("open dataset %s: %w", location, err)
	}
	r := &remote{location: l, o: o, conn: conn, client: flight.NewClientFromConn(conn, nil)}
	d, err := shard.OpenFiles(ctx, r)
	if err == nil && d.Manifest().Digest != l.Digest {
		err = fmt.Errorf("open dataset %s: the server sent the manifest of %s", r, d.Manifest().Digest)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return d, nil
}

// remote is the shard.Files and the shard.Streamer of a dataset on a server. Its connection lives as
// long as the process: a dataset has no end of its own.
type remote struct {
	location Location
	o        ClientOptions
	conn     *grpc.ClientConn
	client   flight.Client
}

var (
	_ shard.Files    = (*remote)(nil)
	_ shard.Streamer = (*remote)(nil)
)

func (r *remote) String() string {
	return r.location.Scheme + "://" + r.location.Host + "@" + r.location.Digest
}

func (r *remote) authorized(ctx context.Context) context.Context {
	if r.o.Token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+r.o.Token)
}

// explained says what can be done about a failed call.
func (r *remote) explained(err error) error {
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unavailable:
		return fmt.Errorf("%s; is a server there, and is %s:// right (grpc:// without TLS, grpc+tls:// "+
			"with it)?", s.Message(), r.location.Scheme)
	case codes.Unauthenticated:
		return fmt.Errorf("%s; give it in $%s", s.Message(), TokenVariable)
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	}
	return errors.New(s.Message())
}

// TokenVariable is the environment variable that holds a client's token.
const TokenVariable = "LONGLORA_FLIGHT_TOKEN"

// mostFile bounds a companion, in bytes.
const mostFile = 1 << 30

// Open fetches a companion. Row files are not served.
func (r *remote) Open(ctx context.Context, name string) (shard.File, error) {
	stream, err := r.client.DoAction(r.authorized(ctx), &flight.Action{
		Type: fileAction, Body: []byte(r.location.Digest + "/" + name),
	})
	var data []byte
	for err == nil {
		var piece *flight.Result
		if piece, err = stream.Recv(); err == nil {
			data = append(data, piece.GetBody()...)
		}
		if len(data) > mostFile {
			return nil, fmt.Errorf("%s: %s is longer than %d bytes", r, name, mostFile)
		}
	}
	if errors.Is(err, io.EOF) {
		return memoryFile{bytes.NewReader(data)}, nil
	}
	if status.Code(err) == codes.NotFound && name != schemas.ManifestName {
		return nil, fmt.Errorf("%s: %s: %w", r, name, os.ErrNotExist)
	}
	return nil, r.explained(err)
}

// List lists nothing: no file beside the manifest's is served.
func (r *remote) List(context.Context, string) ([]string, error) { return nil, nil }

type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error { return nil }

// Sequences implements shard.Streamer.
func (r *remote) Sequences(ctx context.Context, m *schemas.Manifest, o shard.SequenceOptions) (
	array.RecordReader, error) {
	ctx, cancel := context.WithCancel(ctx)
	t := Ticket{
		Dataset: m.Digest, Split: o.Split, Shuffle: o.Shuffle, Seed: o.Seed, Epoch: o.Epoch,
		Start: o.Start, Count: o.Count, Stride: o.Stride, BatchRows: min(o.BatchRows, mostBatchRows),
	}
	if t.BatchRows == 1 {
		t.BatchRows = 0 // rows are cut out of batches here
	}
	stream, err := r.client.DoGet(r.authorized(ctx), &flight.Ticket{Ticket: t.Bytes()})
	if err != nil {
		cancel()
		return nil, r.explained(err)
	}
	next := func() (meta, body []byte, err error) {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, nil, io.EOF
		}
		if err != nil {
			return nil, nil, r.explained(err)
		}
		return message.GetDataHeader(), message.GetDataBody(), nil
	}
	in, err := ipc.NewMessageReader(next, ipc.Options{
		Allocator: o.Allocator, MaxMessage: int64(r.o.MaxMessage) + 1<<20,
	})
	if err != nil {
		cancel()
		return nil, err
	}
	want := shard.ArrowSchema(m)
	if !in.Schema().Equal(want) || !in.Schema().Metadata().Equal(want.Metadata()) {
		in.Release()
		cancel()
		return nil, fmt.Errorf("the server's schema is %v", in.Schema())
	}
	s := &streamReader{in: in, cancel: cancel, single: o.BatchRows == 1}
	s.refs.Store(1)
	return s, nil
}

// streamReader hands out a stream's batches, or their rows one by one.
type streamReader struct {
	refs   atomic.Int64
	in     *ipc.Reader
	cancel context.CancelFunc
	single bool
	row    int64 // next of the batch
	record arrow.Record
}

func (s *streamReader) Schema() *arrow.Schema { return s.in.Schema() }
func (s *streamReader) Record() arrow.Record  { return s.record }
func (s *streamReader) Err() error            { return s.in.Err() }
func (s *streamReader) Retain()               { s.refs.Add(1) }

func (s *streamReader) Release() {
	if s.refs.Add(-1) == 0 {
		s.drop()
		s.cancel()
		s.in.Release()
	}
}

func (s *streamReader) drop() {
	if s.record != nil {
		s.record.Release()
		s.record = nil
	}
}

// Next makes the next record current.
func (s *streamReader) Next() bool {
	s.drop()
	for s.in.Record() == nil || s.row == s.in.Record().NumRows() {
		if !s.in.Next() {
			return false
		}
		s.row = 0
	}
	end := s.in.Record().NumRows()
	if s.single {
		end = s.row + 1
	}
	s.record = s.in.Record().NewSlice(s.row, end)
	s.row = end
	return true
}

// CAVariable is the environment variable that names a PEM file of certificates to trust with
// grpc+tls, instead of the machine's.
const CAVariable = "LONGLORA_FLIGHT_CA"

// FromEnvironment reads a client's options from the environment.
func FromEnvironment(getenv func(string) string) (ClientOptions, error) {
	o := ClientOptions{Token: getenv(TokenVariable)}
	name := getenv(CAVariable)
	if name == "" {
		return o, nil
	}
	pem, err := os.ReadFile(name)
	if err != nil {
		return o, fmt.Errorf("$%s: %w", CAVariable, err)
	}
	o.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	if !o.TLS.RootCAs.AppendCertsFromPEM(pem) {
		return o, fmt.Errorf("$%s: %s holds no PEM certificate", CAVariable, name)
	}
	return o, nil
}

// OpenFromEnvironment opens a location with the options of FromEnvironment.
func OpenFromEnvironment(ctx context.Context, location string, getenv func(string) string) (
	*shard.Dataset, error) {
	o, err := FromEnvironment(getenv)
	if err != nil {
		return nil, err
	}
	return Open(ctx, location, o)
}
