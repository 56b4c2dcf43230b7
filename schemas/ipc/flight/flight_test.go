package flight

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// dataset builds one of rows of at most longest+1 tokens, whose lengths and ids depend on their place and salt.
func dataset(t testing.TB, rows int, salt, longest int32) *shard.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "seq")
	o := shard.Options{
		Kind: schemas.KindSequence, Name: "seq", TokenizerFile: []byte("{}"),
		Tokenizer: &schemas.TokenizerRef{
			Name: "t", VocabSize: 1000,
			Digest: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
		},
	}
	var files []shardtest.File[schemas.Sequence]
	for number, split := range []string{"train", "train", "validation"} {
		file := shardtest.File[schemas.Sequence]{Split: split}
		for i := range int32(rows) {
			n := 2 + (i*7919+salt)%longest
			s := schemas.Sequence{
				DocLens: []int32{1, n - 1}, LossSpans: []schemas.LossSpan{{Start: n - 1, End: n}},
				Docs:        []schemas.DocRef{{SampleID: fmt.Sprint("ä", i), Source: "s", Licence: "MIT", End: 1}, {}},
				LossWeights: []float32{1, 0.25}, NTokens: n,
			}
			if n == 2 {
				s.DocLens, s.Docs, s.LossWeights = []int32{2}, s.Docs[:1], s.LossWeights[:1]
			}
			for k := range n {
				s.InputIDs = append(s.InputIDs, (k*k+i+salt+int32(number))%1000)
			}
			file.Rows = append(file.Rows, s)
		}
		files = append(files, file)
	}
	return shardtest.Write(t, dir, o, files...)
}

// serve runs a server until the test ends and returns its address.
func serve(t testing.TB, o Options) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// rows reads a reader as text.
func rows(d *shard.Dataset, o shard.SequenceOptions) (all []string, err error) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	o.Allocator = mem
	r, err := d.Sequences(context.Background(), o)
	if err != nil {
		return nil, err
	}
	for r.Next() {
		for i := range int(r.Record().NumRows()) {
			all = append(all, fmt.Sprint(shard.SequenceAt(r.Record(), i)))
		}
	}
	err = r.Err()
	r.Release()
	if n := mem.CurrentAlloc(); n != 0 {
		return nil, fmt.Errorf("%d bytes are not given back", n)
	}
	return all, err
}

// TestStreamsEqualParquet: any range of any order, for any rank, comes over the wire as from files.
func TestStreamsEqualParquet(t *testing.T) {
	local := dataset(t, 100, 5, 500)
	other := dataset(t, 10, 6, 500)
	address := serve(t, Options{Datasets: []*shard.Dataset{other, local}})
	remote, err := Open(context.Background(), "grpc://"+address+"@"+local.Manifest().Digest,
		ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := remote.TokenizerFile(context.Background())
	if err != nil || string(file) != "{}" {
		t.Errorf("tokenizer %q, %v", file, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Int64Range(0, 200).Draw(t, "start")
		o := shard.SequenceOptions{
			Split:   "train",
			Shuffle: rapid.Bool().Draw(t, "shuffle"), Seed: rapid.Uint64().Draw(t, "seed"),
			Epoch: rapid.Int64Range(0, 9).Draw(t, "epoch"), Start: start,
			Count:     rapid.Int64Range(0, 200-start).Draw(t, "count"),
			Stride:    rapid.Int64Range(0, 5).Draw(t, "stride"),
			BatchRows: rapid.IntRange(0, 70).Draw(t, "batch"),
		}
		want, err := rows(local, o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rows(remote, o)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d rows of %d, %v", len(got), len(want), err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("row %d: got %.200s, want %.200s", i, got[i], want[i])
			}
		}
	})
}

// TestBatchesAreEqual compares whole records, metadata included.
func TestBatchesAreEqual(t *testing.T) {
	local := dataset(t, 50, 1, 500)
	address := serve(t, Options{Datasets: []*shard.Dataset{local}})
	remote, err := Open(context.Background(), "grpc://"+address+"@sha256:"+local.Manifest().Digest,
		ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := shard.SequenceOptions{Split: "validation", BatchRows: 8, Shuffle: true}
	a, err := local.Sequences(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	b, err := remote.Sequences(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	for a.Next() {
		if !b.Next() || !array.RecordEqual(a.Record(), b.Record()) || !a.Schema().Equal(b.Schema()) {
			t.Fatalf("got %v, want %v (%v)", b.Record(), a.Record(), b.Err())
		}
	}
	if b.Next() {
		t.Error("the stream has more")
	}
}

// certificate makes a server's and a client's TLS configuration.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool}
}

func TestRefusals(t *testing.T) {
	local := dataset(t, 20, 2, 500)
	digest := local.Manifest().Digest
	wrong := strings.Repeat("0", 64)
	secret, trusted := certificate(t)
	plain := serve(t, Options{Datasets: []*shard.Dataset{local}, Token: "secret"})
	encrypted := serve(t, Options{Datasets: []*shard.Dataset{local}, TLS: secret})
	small := serve(t, Options{Datasets: []*shard.Dataset{local}, MaxMessage: 1000})
	for _, c := range []struct {
		location string
		o        ClientOptions
		want     string
	}{
		{"grpc://" + plain + "@" + digest, ClientOptions{Token: "secret"}, ""},
		{"grpc+tls://" + encrypted + "@" + digest, ClientOptions{TLS: trusted}, ""},
		{"grpc://" + plain + "@" + digest, ClientOptions{},
			"the server wants a token, the call has none; give it in $LONGLORA_FLIGHT_TOKEN"},
		{"grpc://" + plain + "@" + digest, ClientOptions{Token: "guess"}, "token is not the server's"},
		{"grpc://" + plain + "@" + wrong, ClientOptions{Token: "secret"},
			`no dataset "` + wrong + `" is served here; served are ` + digest},
		{"grpc://" + encrypted + "@" + digest, ClientOptions{}, "is grpc:// right"},
		{"grpc+tls://" + plain + "@" + digest, ClientOptions{TLS: trusted}, "is grpc+tls:// right"},
		{"grpc+tls://" + encrypted + "@" + digest, ClientOptions{}, "certificate"},
		{"grpc://127.0.0.1:1@" + digest, ClientOptions{}, "is a server there"},
		{"grpc://" + plain, ClientOptions{}, "does not name a dataset"},
		{"grpc://nowhere@" + digest, ClientOptions{}, "is no location"},
		{"grpc://" + small + "@" + digest, ClientOptions{}, "more than the server's greatest message of 1000"},
		{"grpc://" + plain + "@" + digest, ClientOptions{Token: "secret", MaxMessage: 1}, ""},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		d, err := Open(ctx, c.location, c.o)
		if err == nil {
			_, err = rows(d, shard.SequenceOptions{Split: "train"})
		}
		cancel()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q in it", c.location, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: an error of several lines: %v", c.location, err)
		}
		if err != nil && strings.Contains(err.Error(), local.Dir()) {
			t.Errorf("%s: the error names a path of the server: %v", c.location, err)
		}
	}
}

// TestClientBoundsMessages: a batch beyond the client's limit is refused by the client.
func TestClientBoundsMessages(t *testing.T) {
	local := dataset(t, 400, 2, 3000)
	address := serve(t, Options{Datasets: []*shard.Dataset{local}})
	d, err := Open(context.Background(), "grpc://"+address+"@"+local.Manifest().Digest,
		ClientOptions{MaxMessage: 1})
	if err == nil {
		_, err = rows(d, shard.SequenceOptions{Split: "train"})
	}
	if err == nil || !strings.Contains(err.Error(), "larger than max") {
		t.Errorf("got %v", err)
	}
}

// TestStreamsAreLimited: one stream too many is refused, and others may follow when one has ended.
func TestStreamsAreLimited(t *testing.T) {
	local := dataset(t, 2000, 3, 500)
	address := serve(t, Options{Datasets: []*shard.Dataset{local}, MaxStreams: 1})
	d, err := Open(context.Background(), "grpc://"+address+"@"+local.Manifest().Digest, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := d.Sequences(context.Background(), shard.SequenceOptions{Split: "train"})
	if err != nil || !first.Next() {
		t.Fatal(err)
	}
	_, err = rows(d, shard.SequenceOptions{Split: "train", Count: 1})
	if err == nil || !strings.Contains(err.Error(), "all 1 streams are in use; try again later") {
		t.Errorf("second stream: %v", err)
	}
	first.Release()
	for range 100 {
		if _, err = rows(d, shard.SequenceOptions{Split: "train", Count: 1}); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("after the first has ended: %v", err)
}

// TestDamagedShard: the client learns that the server's data is damaged; it gets no row of it.
func TestDamagedShard(t *testing.T) {
	local := dataset(t, 20, 4, 500)
	path := filepath.Join(local.Dir(), local.Manifest().Files[0].Path)
	if err := flip(path, 200); err != nil {
		t.Fatal(err)
	}
	address := serve(t, Options{Datasets: []*shard.Dataset{local}})
	d, err := Open(context.Background(), "grpc://"+address+"@"+local.Manifest().Digest, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := rows(d, shard.SequenceOptions{Split: "train"})
	if err == nil || !strings.Contains(err.Error(), "sha256 is") || len(got) != 0 {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

func TestValidate(t *testing.T) {
	d := dataset(t, 3, 1, 500)
	err := Options{Datasets: []*shard.Dataset{d, d}, MaxStreams: -1}.Validate()
	if err == nil || !strings.Contains(err.Error(), "are the same dataset") ||
		!strings.Contains(err.Error(), "at most -1 streams") {
		t.Errorf("got %v", err)
	}
	if err := (Options{}).Validate(); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("nothing to serve: %v", err)
	}
}

func TestTickets(t *testing.T) {
	want := Ticket{
		Version: 1, Dataset: "d", Split: "train", Shuffle: true, Seed: 1<<64 - 1, Epoch: 2, Start: 3,
		Count: 4, Stride: 5, BatchRows: 6,
	}
	const text = `{"version":1,"dataset":"d","split":"train","shuffle":true,` +
		`"seed":18446744073709551615,"epoch":2,"start":3,"count":4,"stride":5,"batch_rows":6}`
	if got := string(want.Bytes()); got != text {
		t.Errorf("got %s, want %s", got, text)
	}
	if got, err := ParseTicket([]byte(text)); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for bad, reason := range map[string]string{
		`{"version":2}`:                     "ticket version 2, this server reads 1",
		`{"version":1,"sneed":1}`:           "unknown field",
		`{"version":1,"start":-1}`:          "none below 0",
		`{"version":1,"batch_rows":100000}`: "at most 4096 batch_rows",
		`{"version":1} {}`:                  "something follows",
		``:                                  "not a ticket",
		"\x00\x01":                          "not a ticket",
		`{"version":1,` + strings.Repeat(" ", 5000) + `}`: "at most 4096 are read",
	} {
		if _, err := ParseTicket([]byte(bad)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.40q: got %v, want %q", bad, err, reason)
		}
	}
}

func FuzzTicket(f *testing.F) {
	f.Add([]byte(`{"version":1,"dataset":"d"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		ticket, err := ParseTicket(data)
		if err != nil {
			return
		}
		again, err := ParseTicket(ticket.Bytes())
		if err != nil || again != ticket {
			t.Errorf("%+v becomes %+v, %v", ticket, again, err)
		}
	})
}

// flip changes a bit of a byte of a file.
func flip(path string, at int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[at] ^= 1
	return os.WriteFile(path, data, 0o666)
}
