package review

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"longlora/schemas"
	"longlora/schemas/shard"
)

//go:embed page
var page embed.FS

// Server shows rows and takes decisions.
type Server struct {
	name      string
	spool     *spool
	mu        sync.Mutex
	decisions *Decisions
}

// Open reads the chosen rows of a dataset and the decisions that there are. Close frees both.
func Open(ctx context.Context, d *shard.Dataset, c Choice, decisions string,
	progress func(int64)) (*Server, error) {
	if k := d.Manifest().Kind; k != schemas.KindExample {
		return nil, fmt.Errorf("review %s: it holds rows of kind %s, not %s", d.Dir(), k,
			schemas.KindExample)
	}
	file, err := OpenDecisions(decisions)
	if err != nil {
		return nil, err
	}
	s, err := newSpool(ctx, d, c, progress)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("review %s: %w", d.Dir(), err), file.Close())
	}
	for i := range s.rows {
		if x, ok := file.byID[s.rows[i].ID]; ok && x.Row == s.rows[i].hash {
			s.rows[i].Decision, s.rows[i].Note = x.Decision, x.Note
		}
	}
	return &Server{name: d.Manifest().Name, spool: s, decisions: file}, nil
}

// Rows is the number of rows to show.
func (s *Server) Rows() int { return len(s.spool.rows) }

// Close ends the use of the decisions.
func (s *Server) Close() error { return errors.Join(s.spool.close(), s.decisions.Close()) }

// Serve answers on a loopback listener until the context ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s.Handler(l.Addr().String()), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("review: %w", err)
	}
	return nil
}

// Handler answers requests to a host alone: pages from elsewhere that a browser shows at the same
// time can neither read rows nor decide.
func (s *Server) Handler(host string) http.Handler {
	mux := http.NewServeMux()
	static, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // it is embedded
	}
	mux.Handle("GET /", http.FileServerFS(static))
	mux.HandleFunc("GET /api/rows", s.list)
	mux.HandleFunc("GET /api/row/{n}", s.row)
	mux.HandleFunc("GET /api/context/{n}", s.context)
	mux.HandleFunc("POST /api/decide", s.decide)
	_, port, _ := net.SplitHostPort(host)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, p, err := net.SplitHostPort(r.Host)
		if err != nil || p != port || name != "localhost" && !net.ParseIP(name).IsLoopback() {
			http.Error(w, "not this host", http.StatusForbidden)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
				http.Error(w, "not from this page", http.StatusForbidden)
				return
			}
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
			"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, map[string]any{"name": s.name, "rows": s.spool.rows})
}

// index reads the number of a request's path.
func index(w http.ResponseWriter, r *http.Request, n int) (int, bool) {
	i, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || i < 0 || i >= n {
		http.Error(w, "no such number", http.StatusNotFound)
		return 0, false
	}
	return i, true
}

func (s *Server) row(w http.ResponseWriter, r *http.Request) {
	i, ok := index(w, r, len(s.spool.rows))
	if !ok {
		return
	}
	s.send(w, s.spool.rows[i].detail, "application/json")
}

func (s *Server) context(w http.ResponseWriter, r *http.Request) {
	i, ok := index(w, r, len(s.spool.contexts))
	if !ok {
		return
	}
	s.send(w, s.spool.contexts[i], "text/plain; charset=utf-8")
}

func (s *Server) send(w http.ResponseWriter, e extent, kind string) {
	data, err := s.spool.read(e)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(data) // the page may be gone
}

func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	var said struct {
		N        int    `json:"n"`
		Decision string `json:"decision"`
		Note     string `json:"note"`
	}
	if r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "not JSON", http.StatusUnsupportedMediaType)
		return
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&said)
	if err != nil || said.N < 0 || said.N >= len(s.spool.rows) ||
		said.Decision != Keep && said.Decision != Reject && said.Decision != None {
		http.Error(w, "not a decision", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	row := &s.spool.rows[said.N]
	if err := s.decisions.Add(Decision{row.ID, said.Decision, said.Note, row.hash}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	row.Decision, row.Note = said.Decision, said.Note
	if said.Decision == None {
		row.Decision, row.Note = "", ""
	}
	reply(w, row)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the page may be gone
}
