package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"longlora/internal/store"
	"longlora/pipeline/source"
)

// site serves files, with ranges, and fails as it is told.
type site struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string]string
	requests []string
	fault    func(w http.ResponseWriter, r *http.Request, n int) bool
	busy     atomic.Int64
	most     atomic.Int64
}

func newSite(t *testing.T, files map[string]string) *site {
	t.Helper()
	s := &site{files: files}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	if n := s.busy.Add(1); n > s.most.Load() {
		s.most.Store(n)
	}
	defer s.busy.Add(-1)
	s.mu.Lock()
	n, fault := len(s.requests), s.fault
	s.requests = append(s.requests, r.URL.Path+" "+r.Header.Get("Range"))
	data, ok := s.files[r.URL.Path]
	s.mu.Unlock()
	if fault != nil && fault(w, r, n) {
		return
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+sumOf(data)[:16]+`"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(data))
}

// cut sends the beginning of a file under its whole length.
func (s *site) cut(w http.ResponseWriter, r *http.Request, n int) {
	data := s.files[r.URL.Path]
	w.Header().Set("ETag", `"`+sumOf(data)[:16]+`"`)
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	io.WriteString(w, data[:n]) //nolint:errcheck // the connection goes
	w.(http.Flusher).Flush()
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close() //nolint:errcheck // it goes
	}
}

func sumOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func parse(t *testing.T, text string) *Recipe {
	t.Helper()
	r, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// one is a recipe of one item at a site; more are lines of that item.
func (s *site) one(t *testing.T, path string, more ...string) *Recipe {
	t.Helper()
	item := append([]string{"url: " + s.URL + path, "licence: MIT"}, more...)
	if !strings.Contains(strings.Join(more, "\n"), "file:") {
		item = append(item, "file: x.txt")
	}
	return parse(t, "name: r\nitems:\n  - "+strings.Join(item, "\n    ")+"\n")
}

func options(t *testing.T, r *Recipe) Options {
	t.Helper()
	return Options{
		Recipe: r, Out: filepath.Join(t.TempDir(), "out"),
		Retry: store.Retry{
			Tries: 3, First: time.Millisecond, Most: 2 * time.Millisecond, Idle: 300 * time.Millisecond,
		},
	}
}

func read(t *testing.T, o Options, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(o.Out, name))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func TestEveryRecipe(t *testing.T) {
	all, err := Recipes()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 6 {
		t.Errorf("%d recipes, want at least 6", len(all))
	}
	for _, r := range all {
		values := map[string]string{"each": "1"}
		for _, p := range r.Parameters {
			values[p.Name] = p.Default
		}
		for i, it := range r.Items {
			it, err := it.filled(values)
			if err == nil {
				err = it.check()
			}
			if err != nil || !strings.HasPrefix(it.URL, "https://") {
				t.Errorf("%s item %d: %s: %v", r.Name, i+1, it.URL, err)
			}
		}
	}
}

// TestTransfers downloads a file from servers that fail in every way that passes.
func TestTransfers(t *testing.T) {
	content := strings.Repeat("0123456789", 1000)
	status := func(code int, n int) func(*site) func(http.ResponseWriter, *http.Request, int) bool {
		return func(*site) func(http.ResponseWriter, *http.Request, int) bool {
			return func(w http.ResponseWriter, _ *http.Request, i int) bool {
				if i < n {
					w.WriteHeader(code)
				}
				return i < n
			}
		}
	}
	for name, c := range map[string]struct {
		fault    func(s *site) func(http.ResponseWriter, *http.Request, int) bool
		requests string
		want     string // the error's
	}{
		"plain":        {status(0, 0), "/x ", ""},
		"500 then 200": {status(500, 1), "/x ,/x ", ""},
		"429":          {status(429, 2), "/x ,/x ,/x ", ""},
		"always 503":   {status(503, 9), "/x ,/x ,/x ", "answers 503 Service Unavailable (3 tries)"},
		"404":          {status(404, 1), "/x ", "answers 404 Not Found"},
		"cut": {func(s *site) func(http.ResponseWriter, *http.Request, int) bool {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 0 {
					s.cut(w, r, 4000)
				}
				return n == 0
			}
		}, "/x ,/x bytes=4000-", ""},
		"silent": {func(*site) func(http.ResponseWriter, *http.Request, int) bool {
			return func(_ http.ResponseWriter, r *http.Request, n int) bool {
				if n == 0 {
					<-r.Context().Done()
				}
				return n == 0
			}
		}, "/x ,/x ", ""},
		"changed between": {func(s *site) func(http.ResponseWriter, *http.Request, int) bool {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 0 {
					s.files["/x"] = strings.ToUpper("other" + content)
					s.cut(w, r, 4000)
					s.files["/x"] = content
				}
				return n == 0
			}
		}, "/x ,/x bytes=4000-", ""},
		"redirect": {func(*site) func(http.ResponseWriter, *http.Request, int) bool {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 0 {
					http.Redirect(w, r, "/x", http.StatusFound)
				}
				return n == 0
			}
		}, "/x ,/x ", ""},
		"redirects for ever": {func(*site) func(http.ResponseWriter, *http.Request, int) bool {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				http.Redirect(w, r, "/x", http.StatusFound)
				return true
			}
		}, strings.TrimSuffix(strings.Repeat("/x ,", 10), ","), "more than 10 redirects"},
	} {
		s := newSite(t, map[string]string{"/x": content})
		s.fault = c.fault(s)
		o := options(t, s.one(t, "/x"))
		_, err := Run(context.Background(), o)
		if c.want == "" && (err != nil || read(t, o, "x.txt") != content) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if got := strings.Join(s.requests, ","); got != c.requests {
			t.Errorf("%s: requests %s, want %s", name, got, c.requests)
		}
	}
}

// TestRunGoesOn ends a run in the middle of a file; the next one asks for the rest.
func TestRunGoesOn(t *testing.T) {
	s := newSite(t, map[string]string{"/x": strings.Repeat("0123456789", 1000)})
	ctx, cancel := context.WithCancel(context.Background())
	s.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		s.cut(w, r, 3000)
		return true
	}
	o := options(t, s.one(t, "/x"))
	o.Retry.First, o.Retry.Most = time.Hour, time.Hour
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Run(ctx, o); err == nil {
		t.Fatal("no error from a run that was ended")
	}
	s.fault, s.requests = nil, nil
	if _, err := Run(context.Background(), o); err != nil || read(t, o, "x.txt") != s.files["/x"] {
		t.Error(err)
	}
	if got := strings.Join(s.requests, ","); got != "/x bytes=3000-" {
		t.Errorf("requests %s, want the rest alone", got)
	}
}

// TestLock trusts on first use and never again.
// TestWholePartialFile goes on after a run that was killed when all had come, with servers that say how
// long the content is and servers that do not.
func TestWholePartialFile(t *testing.T) {
	const content = "call me"
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request, int) bool{
		"Content-Range": nil,
		"no Content-Range": func(w http.ResponseWriter, r *http.Request, _ int) bool {
			bad := r.Header.Get("Range") == fmt.Sprintf("bytes=%d-", len(content))
			if bad {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			}
			return bad
		},
	} {
		s := newSite(t, map[string]string{"/x": content})
		s.fault = fault
		o := options(t, s.one(t, "/x"))
		sum := sha256.Sum256([]byte(s.URL + "/x"))
		path := filepath.Join(o.Out, workName, hex.EncodeToString(sum[:16]))
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if err == nil {
			err = os.WriteFile(path, []byte(content), 0o666)
		}
		if err == nil {
			err = writeState(path, state{s.URL + "/x", `"` + sumOf(content)[:16] + `"`})
		}
		if err == nil {
			_, err = Run(context.Background(), o)
		}
		if got := read(t, o, "x.txt"); got != content || err != nil {
			t.Errorf("%s: got %q, %v, by %q", name, got, err, s.requests)
		}
	}
}

func TestLock(t *testing.T) {
	s := newSite(t, map[string]string{"/x": "content"})
	o := options(t, s.one(t, "/x"))
	o.RequireLock = true
	if _, err := Run(context.Background(), o); err == nil ||
		!strings.Contains(err.Error(), "pinned neither by the recipe nor in") {
		t.Errorf("nothing is pinned: %v", err)
	}
	o.RequireLock = false
	r, err := Run(context.Background(), o)
	if err != nil || r.Pinned != 1 || r.Downloads != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	want := "sha256:" + sumOf("content") + " 7 " + s.URL + "/x\n"
	if got := read(t, o, LockName); got != want {
		t.Errorf("lock file %q, want %q", got, want)
	}
	o.RequireLock = true
	if r, err = Run(context.Background(), o); err != nil || r.Downloads != 0 || len(s.requests) != 1 {
		t.Errorf("a second run: %+v, %v, %v", r, err, s.requests)
	}
	s.files["/x"] = "changed"
	if err := os.Remove(filepath.Join(o.Out, "x.txt")); err != nil {
		t.Fatal(err)
	}
	_, err = Run(context.Background(), o)
	for _, w := range []string{sumOf("content"), sumOf("changed"), "changed upstream", LockName} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("changed upstream: got %v, want %q", err, w)
		}
	}
	s.files["/x"] = "content"
	if err := os.WriteFile(filepath.Join(o.Out, "x.txt"), []byte("damaged"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err = Run(context.Background(), o); err != nil || read(t, o, "x.txt") != "content" {
		t.Errorf("a damaged file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(o.Out, LockName), []byte("nonsense\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "lock:1:") {
		t.Errorf("a broken lock file: %v", err)
	}
}

func TestPinsAndMirrors(t *testing.T) {
	s := newSite(t, map[string]string{"/wrong": "wrong", "/right": "right"})
	pins := "sha256: " + sumOf("right")
	o := options(t, s.one(t, "/wrong", pins))
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "pinned") {
		t.Errorf("a wrong hash: %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.Out, "x.txt")); err == nil {
		t.Error("a file with a wrong hash is there")
	}
	o = options(t, s.one(t, "/wrong", pins, "mirrors: ["+s.URL+"/none, "+s.URL+"/right]"))
	if _, err := Run(context.Background(), o); err != nil || read(t, o, "x.txt") != "right" {
		t.Errorf("a mirror: %v", err)
	}
}

// archives returns an archive of each packing with the members.
func archives(t *testing.T, members [][2]string) map[string]string {
	t.Helper()
	var zipped, tarred bytes.Buffer
	z, tw := zip.NewWriter(&zipped), tar.NewWriter(&tarred)
	for _, m := range members {
		w, err := z.Create(m[0])
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, m[1]) //nolint:errcheck // memory
		h := &tar.Header{Name: m[0], Mode: 0o644, Size: int64(len(m[1])), Typeflag: tar.TypeReg}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(tw, m[1]) //nolint:errcheck // memory
	}
	z.Close()  //nolint:errcheck // memory
	tw.Close() //nolint:errcheck // memory
	return map[string]string{
		"zip": zipped.String(), "tar": tarred.String(), "tar.gz": gzipped(tarred.String()),
	}
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s) //nolint:errcheck // memory
	w.Close()            //nolint:errcheck // memory
	return b.String()
}

func TestUnpack(t *testing.T) {
	good := archives(t, [][2]string{
		{"top/a.txt", "A"}, {"top/deep/b.txt", "B"}, {"top/.hidden", "H"}, {"top/c.bin", "C"},
	})
	for packing, data := range good {
		s := newSite(t, map[string]string{"/a": data})
		o := options(t, s.one(t, "/a", "unpack: "+packing, "strip: 1", "members: ['*.txt', '*/*.txt']",
			"file: set"))
		r, err := Run(context.Background(), o)
		if err != nil || r.Files != 2 || read(t, o, "set/a.txt")+read(t, o, "set/deep/b.txt") != "AB" {
			t.Errorf("%s: %+v, %v", packing, r, err)
		}
		s.requests = nil
		if r, err = Run(context.Background(), o); err != nil || len(s.requests) != 0 {
			t.Errorf("%s: again: %+v, %v, %v", packing, r, err, s.requests)
		}
	}
	for _, name := range []string{"../evil", "/evil", "top/../../evil", `..\evil`} {
		for packing, data := range archives(t, [][2]string{{name, "E"}}) {
			s := newSite(t, map[string]string{"/a": data})
			o := options(t, s.one(t, "/a", "unpack: "+packing, "file: set"))
			if _, err := Run(context.Background(), o); err == nil {
				t.Errorf("%s with member %q was unpacked", packing, name)
			}
			if files, err := filepath.Glob(filepath.Join(o.Out, "..", "*evil*")); len(files) != 0 {
				t.Errorf("%s with member %q wrote %v, %v", packing, name, files, err)
			}
		}
	}
	s := newSite(t, map[string]string{"/a": gzipped("text")})
	o := options(t, s.one(t, "/a", "unpack: gzip"))
	if _, err := Run(context.Background(), o); err != nil || read(t, o, "x.txt") != "text" {
		t.Errorf("gzip: %v", err)
	}
	s.files["/a"] = gzipped("text")[:15]
	o = options(t, s.one(t, "/a", "unpack: gzip"))
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(read(t, o, "x.txt"), "no such") {
		t.Errorf("a corrupt gzip: %v", err)
	}
}

func TestTarLinksAreRefused(t *testing.T) {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	if err := tw.WriteHeader(&tar.Header{
		Name: "link", Linkname: "/etc", Typeflag: tar.TypeSymlink,
	}); err != nil {
		t.Fatal(err)
	}
	tw.Close() //nolint:errcheck // memory
	s := newSite(t, map[string]string{"/a": b.String()})
	o := options(t, s.one(t, "/a", "unpack: tar", "file: set"))
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "no regular") {
		t.Errorf("got %v", err)
	}
}

const header = "\ufeffThe Project Gutenberg eBook of A Tale\r\n\r\nThis eBook is for the use of anyone " +
	"anywhere in the United States\r\nand most other parts\r\n\r\nTitle: A Tale\r\n\r\nLanguage: French\r\n\r\n"

const book = header + "*** START OF THE PROJECT GUTENBERG EBOOK A TALE ***\r\n\r\n\r\nIl \u00e9tait\r\nune fois.\r\n" +
	"\r\n*** END OF THE PROJECT GUTENBERG EBOOK A TALE ***\r\n\r\nUpdated editions\r\n"

func TestGutenberg(t *testing.T) {
	s := newSite(t, map[string]string{"/1": book})
	o := options(t, s.one(t, "/1", "clean: gutenberg"))
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, o, "x.txt"), "Il \u00e9tait\nune fois.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	origins, err := source.ParseOrigins([]byte(read(t, o, source.OriginsName)))
	if err != nil {
		t.Fatal(err)
	}
	got := origins["x.txt"]
	if got.Title != "A Tale" || got.Language != "fr" || got.Licence != publicDomain {
		t.Errorf("got %+v", got)
	}
	for name, c := range map[string][2]string{
		"copyrighted": {strings.Replace(book, "This eBook", "This is a COPYRIGHTED Project Gutenberg eBook", 1),
			copyrightedEBook},
		"latin": {strings.Replace(strings.Replace(book, "\u00e9", "\xe9", 1)[3:], "Title:",
			"Character set encoding: ISO-8859-1\r\nTitle:", 1), publicDomain},
		"no start":   {strings.Replace(book, "START OF", "", 1), ""},
		"cut off":    {book[:strings.Index(book, "*** END")], ""},
		"no licence": {strings.Replace(book, "for the use of anyone", "x", 1), ""},
		"bytes":      {strings.Replace(book, "\u00e9", "\xe9", 1), ""},
	} {
		var o source.Origin
		r, err := cleanGutenberg(strings.NewReader(c[0]), &o)
		if (err == nil) != (c[1] != "") || o.Licence != c[1] {
			t.Errorf("%s: licence %q, %v", name, o.Licence, err)
		}
		if name == "latin" {
			if text, _ := io.ReadAll(r); string(text) != "Il \u00e9tait\nune fois.\n" {
				t.Errorf("latin: %q", text)
			}
		}
	}
}

// TestManyFiles expands lists and keeps to the number of downloads that a host may have.
func TestManyFiles(t *testing.T) {
	files := map[string]string{"/list": "d/1.txt\nd/2.txt\nd/3.txt\n"}
	for i := range 20 {
		files[fmt.Sprintf("/d/%d.txt", i)] = fmt.Sprint(i)
	}
	s := newSite(t, files)
	s.fault = func(http.ResponseWriter, *http.Request, int) bool {
		time.Sleep(5 * time.Millisecond)
		return false
	}
	o := options(t, parse(t, "name: r\nparameters: [{name: n, default: '2'}]\nitems:\n"+
		"  - {list: "+s.URL+"/list, first: '{n}', url: '"+s.URL+"/{each}', file: '{each}', licence: MIT}\n"+
		"  - {each: '4,5,6,7,8,9', url: '"+s.URL+"/d/{each}.txt', file: 'e/{each}.txt', licence: MIT}\n"))
	o.PerHost = 2
	r, err := Run(context.Background(), o)
	if err != nil || r.Files != 8 || read(t, o, "d/2.txt") != "2" || read(t, o, "e/9.txt") != "9" {
		t.Errorf("got %+v, %v", r, err)
	}
	if most := s.most.Load(); most > 2 {
		t.Errorf("%d downloads at once, want at most 2", most)
	}
	o.Parameters = map[string]string{"n": "3", "m": "x"}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), `"m"`) {
		t.Errorf("an unknown parameter: %v", err)
	}
}

func TestTwoRunsIntoOneFolder(t *testing.T) {
	s := newSite(t, map[string]string{"/x": "content"})
	o := options(t, s.one(t, "/x"))
	begun, end := make(chan struct{}), make(chan struct{})
	s.fault = func(http.ResponseWriter, *http.Request, int) bool {
		close(begun)
		<-end
		return false
	}
	o.Retry.Idle = time.Minute
	done := make(chan error)
	go func() {
		_, err := Run(context.Background(), o)
		done <- err
	}()
	<-begun
	_, err := Run(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), "another process is writing it") {
		t.Errorf("got %v", err)
	}
	close(end)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestBadRecipes(t *testing.T) {
	for text, want := range map[string]string{
		"name: r":             "it needs a name and items",
		"name: r\nitem: []\n": "line 2: unknown key item",
		"name: r\nitems: [{url: 'http://x/{y}', file: x, licence: MIT}]":          "{y} is no parameter",
		"name: r\nitems: [{url: 'http://x/', file: x}]":                           "needs url, file and licence",
		"name: r\nitems: [{url: 'http://x/', file: x, licence: M, sha256: A}]":    "no SHA-256",
		"name: r\nitems: [{url: 'http://x/', file: x, licence: M, unpack: rar}]":  `"rar" is none of`,
		"name: r\nitems: [{url: 'http://x/', file: x, licence: M, clean: soap}]":  `"soap" is none of`,
		"name: r\nitems: [{url: 'http://x/', file: x, licence: M}]\n---\nname: s": "more than one YAML document",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	for _, item := range []string{
		"{url: 'file:///etc/passwd', file: x, licence: M}", "{url: 'http://x/', file: ../x, licence: M}",
		"{url: 'http://x/', file: /x, licence: M}", "{url: 'http://x/', file: .x, licence: M}",
	} {
		o := options(t, parse(t, "name: r\nitems: ["+item+"]"))
		if _, err := Run(context.Background(), o); err == nil {
			t.Errorf("%s was fetched", item)
		}
	}
}
