package cloud

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"longlora/internal/store"
	"longlora/internal/store/cloud/faulty"
	"longlora/internal/store/cloud/s3test"
	"longlora/internal/store/contract"
)

// shelf is a server of one kind of store, with an empty bucket.
type shelf struct {
	*faulty.Server
	url    string // of the bucket
	query  string // what a URL ends with
	put    func(t *testing.T, key, content string)
	status func(code int, name string) http.HandlerFunc
	// denied and missing are what the store calls these, missing of its bucket.
	denied, missing string
	// resumes says that its library makes a broken connection again by itself, once.
	resumes bool
}

// at is the URL of a name in the bucket.
func (s shelf) at(name string) string {
	return s.url + "/" + (&url.URL{Path: name}).EscapedPath() + s.query
}

// shelves starts a server for each of Drivers.
func shelves(t *testing.T) map[string]shelf {
	t.Helper()
	all := map[string]shelf{"s3": startS3(t), "gs": startGS(t), "azblob": startAzure(t)}
	for _, d := range Drivers() {
		if _, ok := all[d.Scheme]; !ok {
			t.Errorf("no server for the scheme %s", d.Scheme)
		}
	}
	return all
}

func startS3(t *testing.T) shelf {
	t.Helper()
	s := s3test.Start(t)
	s.Use(t)
	return shelf{
		Server: s.Server, url: "s3://" + s3test.Bucket,
		put: func(t *testing.T, key, content string) { s.Put(t, key, content) },
		status: func(code int, name string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { s3test.Status(w, code, name) }
		},
		denied: "AccessDenied", missing: "NoSuchBucket",
	}
}

func startGS(t *testing.T) shelf {
	t.Helper()
	backend := newGSFake("shelf")
	s := faulty.Start(t, backend)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(s.URL, "http://"))
	return shelf{
		Server: s, url: "gs://shelf",
		put: func(_ *testing.T, key, content string) { backend.put(key, content) },
		status: func(code int, name string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { gsFail(w, code, name) }
		},
		resumes: true,
	}
}

func startAzure(t *testing.T) shelf {
	t.Helper()
	backend := newAzureFake("account", "shelf")
	s := faulty.Start(t, backend)
	for _, name := range []string{
		"AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", base64.StdEncoding.EncodeToString([]byte("key")))
	return shelf{
		Server: s, url: "azblob://shelf",
		query: "?protocol=http&domain=" + url.QueryEscape(strings.TrimPrefix(s.URL, "http://")),
		put:   func(_ *testing.T, key, content string) { backend.put(key, content) },
		status: func(code int, name string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { azureFail(w, code, name) }
		},
		denied: "AuthenticationFailed", missing: "ContainerNotFound",
	}
}

// TestContract holds every store to what all do.
func TestContract(t *testing.T) {
	for scheme, s := range shelves(t) {
		t.Run(scheme, func(t *testing.T) {
			open := func(ctx context.Context, name string) (store.Store, error) {
				return store.Open(ctx, s.at("contract/"+name), store.Options{Drivers: Drivers()})
			}
			// parts are of 5 MB (S3), 8 MiB (Azure) and 16 MiB (Google)
			o := contract.Options{Large: 17_500_000, Many: 50}
			if err := contract.Check(context.Background(), open, o); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPages lists more objects than a page of S3 has; the servers of the others have short pages.
func TestPages(t *testing.T) {
	const n = pageSize + 50
	s := startS3(t)
	for i := range n {
		s.put(t, fmt.Sprintf("many/x%05d", i), "")
	}
	got := 0
	for f, err := range open(t, s.at("many")).Walk(context.Background()) {
		if want := fmt.Sprintf("x%05d", got); err != nil || f.Name != want {
			t.Fatalf("object %d is %s, want %s: %v", got, f.Name, want, err)
		}
		got++
	}
	if got != n {
		t.Errorf("walked %d objects, want %d", got, n)
	}
}

// TestMissingBucket says that it is the bucket that is not there.
func TestMissingBucket(t *testing.T) {
	for scheme, s := range shelves(t) {
		for _, err := range open(t, scheme+"://elsewhere/x"+s.query).Walk(context.Background()) {
			if err == nil || !strings.Contains(err.Error(), "check the bucket's name") {
				t.Errorf("%s: got %v", scheme, err)
			}
		}
	}
}

// TestFaults lets servers fail as real ones do.
func TestFaults(t *testing.T) {
	content := strings.Repeat("0123456789", 20_000)
	for scheme, s := range shelves(t) {
		cut := func(w http.ResponseWriter, r *http.Request) { s.Cut(w, r, 50_000) }
		for name, c := range map[string]struct {
			fault    faulty.Fault
			requests int
			want     string // the error's; "": all is read
		}{
			"500 then 200": {faulty.First(2, s.status(500, "InternalError")), 3, ""},
			"slow down":    {faulty.First(1, s.status(503, "SlowDown")), 2, ""},
			"429":          {faulty.First(1, s.status(429, "TooManyRequests")), 2, ""},
			"cut":          {faulty.First(3, cut), 4, ""},
			"hung up":      {faulty.First(1, faulty.HangUp), 2, ""},
			"changed": {faulty.First(1, func(w http.ResponseWriter, r *http.Request) {
				s.CutAfter(w, r, 50_000, func() { s.put(t, "x", content[1:]+"!") })
			}), 2, "the content changed while it was read"},
			"always": {faulty.First(99, s.status(500, "InternalError")), 4, "temporary failure: status 500"},
			"denied": {faulty.First(1, s.status(403, s.denied)), 1, "permission denied (status 403"},
			"bucket": {faulty.First(1, s.status(404, s.missing)), 1, "check the bucket's name"},
		} {
			if name == "bucket" && s.missing == "" { // Google's says nothing of the bucket when it reads
				continue
			}
			s.put(t, "x", content)
			s.SetFault(c.fault)
			got, err := read(open(t, s.at("")), "x", 0)
			if c.want == "" && (err != nil || got != content) {
				t.Errorf("%s: %s: read %d bytes, %v", scheme, name, len(got), err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) ||
				strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s: %s: got %v, want %q", scheme, name, err, c.want)
			}
			if s.resumes && name == "changed" {
				c.requests++
			}
			if n := len(s.Requests()); n != c.requests {
				t.Errorf("%s: %s: %d requests, want %d: %v", scheme, name, n, c.requests, s.Requests())
			}
		}
		s.SetFault(nil)
	}
}

// TestLostAnswer loses the answer to an upload that was done: it succeeds if the object is the same.
func TestLostAnswer(t *testing.T) {
	for scheme, s := range shelves(t) {
		for content, want := range map[string]error{"mine": nil, "else": fs.ErrExist} {
			s.SetFault(faulty.First(1, func(w http.ResponseWriter, r *http.Request) {
				s.put(t, content, content)
				s.status(500, "InternalError")(w, r)
			}))
			err := open(t, s.at("")).Put(context.Background(), content, bytes.NewReader([]byte("mine")), 4)
			if !errors.Is(err, want) {
				t.Errorf("%s: an upload of which the answer was lost, over %q: %v, want %v", scheme, content,
					err, want)
			}
		}
		s.SetFault(nil)
	}
}

// TestRangeBytes wants no more of an object than the piece that is read.
func TestRangeBytes(t *testing.T) {
	for scheme, s := range shelves(t) {
		s.put(t, "x", strings.Repeat("0123456789", 100_000))
		s.SetFault(nil)
		r, err := open(t, s.at("")).OpenRange(context.Background(), "x", 1003, 4)
		if err != nil {
			t.Fatal(err)
		}
		var p [8]byte
		n, _ := r.Read(p[:])
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if string(p[:n]) != "3456" || s.Bytes() != 4 || len(s.Requests()) != 1 {
			t.Errorf("%s: %q by %d bytes and %q, want 3456 by 4 bytes of one request", scheme, p[:n], s.Bytes(),
				s.Requests())
		}
	}
}
