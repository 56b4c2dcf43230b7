package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"longlora/internal/tokenizer"
	"longlora/trainer/chat"
	"longlora/trainer/decode"
	"longlora/trainer/metrics"
)

//go:embed page
var page embed.FS

// Options says what a Server serves.
type Options struct {
	// Name is the model's in requests and replies.
	Name      string
	Decoder   *decode.Server
	Tokenizer *tokenizer.Tokenizer
	Talk      *chat.Talk
	// Context is the number of positions that the model reads, Vocab its number of tokens.
	Context, Vocab int
	// Token is what clients must send as a bearer token; "": none.
	Token string
	// MaxNew bounds and is the default of max_tokens; 0: what is left of the context.
	MaxNew int
	// MaxBody bounds a request's bytes; 0: 32 MiB.
	MaxBody int64
	// Sinks and Window, if Window is not 0, are those of decode.Request for all requests.
	Sinks, Window int
	// Metrics serves /metrics.
	Metrics bool
	// Now is the clock that replies are dated by; nil: time.Now.
	Now func() time.Time
}

const (
	defaultBody = 32 << 20
	// maxRenders is how many conversations become prompts at a time: each is a process.
	maxRenders = 4
	// readTimeout is how long a request's body may take to come.
	readTimeout = 2 * time.Minute
	// writeTimeout is how long a client may not take what is sent to it.
	writeTimeout = 30 * time.Second
	// stopTimeout is how long requests have to end when the server does.
	stopTimeout = 5 * time.Second
)

// Server answers requests.
type Server struct {
	o       Options
	created int64
	counts  counts
	before  []int32 // a token that reads "a"; nil: there is none
	renders chan struct{}
}

// New returns a Server.
func New(o Options) *Server {
	if o.MaxBody == 0 {
		o.MaxBody = defaultBody
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{o: o, created: o.Now().Unix(), renders: make(chan struct{}, maxRenders)}
	s.before = s.findBefore()
	return s
}

// CheckAddress refuses addresses that other machines reach without a token.
func CheckAddress(address, token string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: want HOST:PORT, as 127.0.0.1:8080", address)
	}
	if token == "" && !loopback(host) {
		return fmt.Errorf("address %q is open to other machines: give a token, or listen on 127.0.0.1",
			address)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Serve answers on a listener until the context ends; then running requests have a moment to end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 1 << 16}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		closing, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if server.Shutdown(closing) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(l)
	if !stop() {
		<-ended
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// Handler answers requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	static, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // it is embedded
	}
	files := http.FileServerFS(static)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			s.fail(w, problem{http.StatusMethodNotAllowed, "method_not_allowed", "want GET"})
			return
		}
		files.ServeHTTP(w, r)
	})
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]string{"status": "ok"})
	})
	api := http.NewServeMux()
	api.HandleFunc("POST /v1/chat/completions", s.chatCompletions)
	api.HandleFunc("POST /v1/completions", s.completions)
	api.HandleFunc("GET /v1/models", s.models)
	api.HandleFunc("GET /v1/models/{name...}", s.model)
	if s.o.Metrics {
		api.Handle("GET /metrics", metrics.Handler(s.tell))
	}
	api.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, problem{http.StatusNotFound, "not_found", "there is no " + r.Method + " " + r.URL.Path})
	})
	mux.Handle("/v1/", s.authorized(api))
	if s.o.Metrics {
		mux.Handle("/metrics", s.authorized(api))
	}
	return s.guarded(mux)
}

// guarded refuses what browsers send for pages from elsewhere: other origins and, without a token,
// names that only pretend to be this machine.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(r.Host); err == nil {
			host = name
		}
		if s.o.Token == "" && !loopback(strings.Trim(host, "[]")) {
			s.fail(w, problem{http.StatusForbidden, "forbidden", "not this host"})
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
				s.fail(w, problem{http.StatusForbidden, "forbidden", "not from this page"})
				return
			}
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
			"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if r.ContentLength > s.o.MaxBody { // not even to be read
			w.Header().Set("Connection", "close")
			s.fail(w, &http.MaxBytesError{Limit: s.o.MaxBody})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, s.o.MaxBody)
		next.ServeHTTP(w, r)
	})
}

// authorized asks for the token.
func (s *Server) authorized(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + s.o.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if s.o.Token != "" && subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.fail(w, problem{http.StatusUnauthorized, "invalid_api_key",
				"send the server's token as Authorization: Bearer TOKEN"})
			return
		}
		next.ServeHTTP(w, r)
	})
}
