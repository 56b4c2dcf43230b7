// Package faketeacher is a chat endpoint for tests: a real HTTP server on loopback that answers as
// package teacher asks, or fails as a test says. It is no part of the product.
package faketeacher

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Call is one request as it came in.
type Call struct {
	Number   int // from 1, in the order of arrival
	Model    string
	Stream   bool
	Messages []struct{ Role, Content string }
	Header   http.Header
	Body     string
}

// Material is what stands between the marks of the teacher's prompt, "" in other calls.
func (c *Call) Material() string {
	for _, m := range c.Messages {
		if _, after, ok := strings.Cut(m.Content, "<material>\n"); ok && m.Role == "user" {
			text, _, _ := strings.Cut(after, "\n</material>")
			return text
		}
	}
	return ""
}

// Server counts what it answered.
type Server struct {
	URL string // the base, as a client takes it
	// Behave, if not nil, may answer a call in its own way; then it returns true.
	Behave func(w http.ResponseWriter, r *http.Request, c *Call) bool
	// Model is the name in replies; "" is the one that was asked for.
	Model string

	mu       sync.Mutex
	calls    int
	answered map[string]int // by body
}

// New starts a server that ends with the test.
func New(t *testing.T) *Server {
	t.Helper()
	s := &Server{answered: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	s.URL = server.URL + "/v1"
	return s
}

// Calls is the number of calls that came in.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Answered is the number of calls that were answered whole, and the number of the body that was
// answered most often.
func (s *Server) Answered() (all, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.answered {
		all, most = all+n, max(most, n)
	}
	return all, most
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c := &Call{Header: r.Header, Body: string(body)}
	if err != nil || json.Unmarshal(body, c) != nil || r.URL.Path != "/v1/chat/completions" {
		http.Error(w, `{"error": {"message": "no such thing"}}`, http.StatusNotFound)
		return
	}
	s.mu.Lock()
	s.calls++
	c.Number = s.calls
	s.mu.Unlock()
	if s.Behave != nil && s.Behave(w, r, c) {
		return
	}
	s.Reply(w, c, Answer(c))
}

// Reply answers a call whole, streamed if it asked for that.
func (s *Server) Reply(w http.ResponseWriter, c *Call, text string) {
	model := s.Model
	if model == "" {
		model = c.Model
	}
	s.mu.Lock()
	s.answered[c.Body]++
	s.mu.Unlock()
	if !c.Stream {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"1","object":"chat.completion","model":%q,"choices":[{"index":0,"message":`+
			`{"role":"assistant","content":%s},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,`+
			`"completion_tokens":%d}}`, model, quoted(text), len(c.Body)/4, len(text)/4)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for len(text) > 0 {
		n := min(40, len(text))
		for n < len(text) && text[n]&0xC0 == 0x80 {
			n++
		}
		Chunk(w, model, text[:n], "")
		text = text[n:]
	}
	Chunk(w, model, "", "stop")
	fmt.Fprintf(w, `data: {"id":"1","model":%q,"choices":[],"usage":{"prompt_tokens":%d,`+
		`"completion_tokens":%d}}`+"\n\ndata: [DONE]\n\n", model, len(c.Body)/4, 50)
}

// Chunk writes a piece of a streamed reply.
func Chunk(w http.ResponseWriter, model, text, finish string) {
	reason := "null"
	if finish != "" {
		reason = quoted(finish)
	}
	fmt.Fprintf(w, `data: {"id":"1","object":"chat.completion.chunk","model":%q,"choices":[{"index":0,`+
		`"delta":{"content":%s},"finish_reason":%s}]}`+"\n\n", model, quoted(text), reason)
	w.(http.Flusher).Flush()
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}

// Answer is what a good teacher or critic replies: questions about lines of the material, quoted
// with other white space than they have there; or the best score.
func Answer(c *Call) string {
	material := c.Material()
	if material == "" {
		return "Here it is:\n```json\n{\"supported\": true, \"score\": 5, \"reason\": \"It is there.\"}\n```"
	}
	type pair struct {
		Question string   `json:"question"`
		Answer   string   `json:"answer"`
		Evidence []string `json:"evidence"`
	}
	var items []any
	var turns []pair
	conversation := strings.Contains(c.Body, "conversations")
	lines := strings.Split(material, "\n")
	for i := 0; i < len(lines) && len(items) < 2; i++ {
		line := strings.TrimSpace(lines[(i*7+3)%len(lines)])
		if len(line) < 30 {
			continue
		}
		p := pair{
			Question: fmt.Sprintf("What is said in %.20q, number %d?", line, i), Answer: "It says: " + line,
			Evidence: []string{strings.Join(strings.Fields(line), "  ")},
		}
		if !conversation {
			items = append(items, p)
		} else if turns = append(turns, p); len(turns) == 2 {
			items, turns = append(items, map[string]any{"turns": turns}), nil
		}
	}
	data, _ := json.Marshal(map[string]any{"items": items})
	return string(data)
}
