// Package endpoint calls OpenAI-compatible chat endpoints: with limits of rate and a budget,
// retries, and a journal on disk that makes every call once.
//
// A call's key is a hash of its model, messages and settings. What was sent and what came back is
// written to the journal, and synced, before anything else happens, so that a run that is killed at
// any time goes on where it was: an answered call is never made again, and one that was on its way
// is counted as spent before it is made anew, with the same Idempotency-Key, or is left for good.
package endpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Options say where the endpoint is and how it may be used.
type Options struct {
	// URL is the endpoint's base, as http://127.0.0.1:8080/v1.
	URL string `yaml:"endpoint"`
	// KeyVariable names the environment variable that holds the key; "" sends none.
	KeyVariable string `yaml:"api_key_env"`
	// Accept are names of models that replies may bear beside the one asked for.
	Accept []string `yaml:"accept_models"`
	// NoStream waits for whole replies instead of streaming them.
	NoStream bool `yaml:"no_stream"`
	// TokensField is the request's field for the greatest length of a reply, max_tokens (the default)
	// or max_completion_tokens, as some vendors want it.
	TokensField string `yaml:"tokens_field"`
	// Timeout bounds a call, Silence the time without a word of a streamed reply; 0 means 10 minutes
	// and 2 minutes.
	Timeout time.Duration `yaml:"timeout"`
	Silence time.Duration `yaml:"silence_timeout"`
	// Retries is how often a call is tried again; 0 means 5. MaxWait is the longest that the endpoint
	// may ask to wait; 0 means 5 minutes.
	Retries int           `yaml:"retries"`
	MaxWait time.Duration `yaml:"max_wait"`
	// Concurrency is the number of calls at one time; 0 means 4.
	Concurrency int `yaml:"concurrency"`
	// RequestsPerMinute and TokensPerMinute bound the rate; 0 means no bound.
	RequestsPerMinute int `yaml:"requests_per_minute"`
	TokensPerMinute   int `yaml:"tokens_per_minute"`
	// LostCalls says what becomes of calls that were on their way when a run was killed: LostAgain
	// (the default) makes them again, LostLeft never does.
	LostCalls string `yaml:"lost_calls"`
	// Budget bounds what all runs with one journal may spend.
	Budget Budget `yaml:"budget"`
	Price  Price  `yaml:"price"`
}

// What may become of lost calls.
const (
	LostAgain = "again"
	LostLeft  = "leave"
)

// Budget bounds tokens, in and out, and money; 0 means no bound.
type Budget struct {
	Tokens int64   `yaml:"tokens"`
	Money  float64 `yaml:"money"`
}

// Price is for a million tokens, in the currency of the budget.
type Price struct {
	Input  float64 `yaml:"input"`
	Output float64 `yaml:"output"`
}

func (p Price) of(in, out int64) float64 {
	return (p.Input*float64(in) + p.Output*float64(out)) / 1e6
}

// Settings are what a reply depends on beside the messages.
type Settings struct {
	Temperature *float64 `yaml:"temperature" json:"temperature,omitempty"`
	TopP        *float64 `yaml:"top_p" json:"top_p,omitempty"`
	// MaxTokens is the greatest length of a reply; 0 means 2048.
	MaxTokens int    `yaml:"max_tokens" json:"max_tokens"`
	Seed      *int64 `yaml:"seed" json:"seed,omitempty"`
	// JSON asks the endpoint for a JSON object (response_format); not every server knows it.
	JSON bool `yaml:"json" json:"json,omitempty"`
}

// Message is one turn of a request; Role is system, user or assistant.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request is one call.
type Request struct {
	Model    string    `json:"model"`
	Messages []Message `json:"messages"`
	Settings Settings  `json:"settings"`
}

// Key is the hash that the call is kept under.
func (r Request) Key() string {
	data, _ := json.Marshal(r) // texts and numbers always encode
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// estimate is about the number of tokens that go in: three bytes are one, which is more than most
// languages have, so that a budget is rather kept than broken.
func (r Request) estimate() int64 {
	n := int64(0)
	for _, m := range r.Messages {
		n += int64(len(m.Content))/3 + 8
	}
	return n
}

// Reply is what came back.
type Reply struct {
	Text string `json:"text"`
	// Refusal is set where the endpoint says that the model refused.
	Refusal string `json:"refusal,omitempty"`
	Model   string `json:"model"`
	Finish  string `json:"finish"`
	In      int64  `json:"in"` // tokens
	Out     int64  `json:"out"`
	// Estimated: the endpoint named no numbers of tokens.
	Estimated bool `json:"estimated,omitempty"`
}

// ErrBudget says that the budget does not allow another call.
var ErrBudget = errors.New("the budget is spent")

// Fatal is an error after which no call of the run can be expected to succeed.
type Fatal struct{ Err error }

// Error implements error.
func (f Fatal) Error() string { return f.Err.Error() }

// Unwrap returns the error itself.
func (f Fatal) Unwrap() error { return f.Err }

// Failed is why one call gave no reply after all retries; others may succeed.
type Failed struct{ Reason string }

// Error implements error.
func (f Failed) Error() string { return f.Reason }

// Validate reports every problem at once.
func (o Options) Validate() error {
	var errs []error
	if u, err := url.Parse(o.URL); err != nil || u.Host == "" || u.Scheme != "http" &&
		u.Scheme != "https" {
		errs = append(errs, fmt.Errorf("endpoint %q is no URL, as http://127.0.0.1:8080/v1", o.URL))
	}
	if !slices.Contains([]string{"", "max_tokens", "max_completion_tokens"}, o.TokensField) {
		errs = append(errs, fmt.Errorf("tokens_field is %q, want max_tokens or max_completion_tokens",
			o.TokensField))
	}
	if !slices.Contains([]string{"", LostAgain, LostLeft}, o.LostCalls) {
		errs = append(errs, fmt.Errorf("lost_calls is %q, want %s or %s", o.LostCalls, LostAgain,
			LostLeft))
	}
	for _, n := range []struct {
		name  string
		value float64
	}{
		{"timeout", float64(o.Timeout)}, {"silence_timeout", float64(o.Silence)},
		{"retries", float64(o.Retries)}, {"max_wait", float64(o.MaxWait)},
		{"concurrency", float64(o.Concurrency)},
		{"requests_per_minute", float64(o.RequestsPerMinute)},
		{"tokens_per_minute", float64(o.TokensPerMinute)}, {"budget.tokens", float64(o.Budget.Tokens)},
		{"budget.money", o.Budget.Money}, {"price.input", o.Price.Input}, {"price.output",
			o.Price.Output},
	} {
		if !(n.value >= 0) {
			errs = append(errs, fmt.Errorf("%s is %g, want at least 0", n.name, n.value))
		}
	}
	if o.Budget.Money > 0 && o.Price == (Price{}) {
		errs = append(errs, errors.New("a budget in money needs price.input and price.output"))
	}
	return errors.Join(errs...)
}

// filled puts the defaults into the place of zeros.
func (o Options) filled() Options {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Minute
	}
	if o.Silence == 0 {
		o.Silence = 2 * time.Minute
	}
	if o.Retries == 0 {
		o.Retries = 5
	}
	if o.MaxWait == 0 {
		o.MaxWait = 5 * time.Minute
	}
	if o.Concurrency == 0 {
		o.Concurrency = 4
	}
	if o.TokensField == "" {
		o.TokensField = "max_tokens"
	}
	return o
}

// Client makes calls. It may be used concurrently.
type Client struct {
	options Options
	sender  *sender
	journal *journal
	purse   *purse
	pace    *pace
	slots   chan struct{}

	mu      sync.Mutex
	flights map[string]*flight
	stats   Stats
	failing int // calls that failed one after the other
}

// flight is a call that is being made.
type flight struct {
	done  chan struct{}
	reply Reply
	err   error
}

// Open returns a client with a journal in a folder, which another process must not use meanwhile.
func Open(folder string, o Options, key string) (*Client, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.filled()
	j, err := openJournal(folder)
	if err != nil {
		return nil, err
	}
	c := &Client{
		options: o, sender: newSender(o, key), journal: j, purse: newPurse(o.Budget, o.Price),
		pace: newPace(o.RequestsPerMinute, o.TokensPerMinute), slots: make(chan struct{}, o.Concurrency),
		flights: map[string]*flight{}, stats: Stats{Retried: map[string]int64{}},
	}
	c.purse.in, c.purse.out = j.in, j.out
	c.stats.Lost = j.lost
	return c, nil
}

// Concurrency is the number of calls at one time.
func (c *Client) Concurrency() int { return c.options.Concurrency }

// Close ends the use of the journal.
func (c *Client) Close() error { return c.journal.close() }

// Known returns the reply of a call that was answered before.
func (c *Client) Known(r Request) (Reply, bool, error) {
	if r.Settings.MaxTokens == 0 {
		r.Settings.MaxTokens = defaultMaxTokens
	}
	return c.journal.reply(r.Key())
}

const defaultMaxTokens = 2048

// Do makes a call unless its reply is known. Errors: ErrBudget, Fatal, Failed, or the context's.
func (c *Client) Do(ctx context.Context, r Request) (Reply, error) {
	if r.Settings.MaxTokens == 0 {
		r.Settings.MaxTokens = defaultMaxTokens
	}
	key := r.Key()
	c.mu.Lock()
	if f := c.flights[key]; f != nil { // the same call is on its way
		c.mu.Unlock()
		select {
		case <-f.done:
			return f.reply, f.err
		case <-ctx.Done():
			return Reply{}, ctx.Err()
		}
	}
	f := &flight{done: make(chan struct{})}
	c.flights[key] = f
	c.mu.Unlock()
	f.reply, f.err = c.once(ctx, key, r)
	c.mu.Lock()
	delete(c.flights, key)
	c.mu.Unlock()
	close(f.done)
	return f.reply, f.err
}

func (c *Client) once(ctx context.Context, key string, r Request) (Reply, error) {
	reply, ok, err := c.journal.reply(key)
	if err != nil || ok {
		c.count(func(s *Stats) { s.Cached++ })
		return reply, err
	}
	if c.options.LostCalls == LostLeft && c.journal.open[key] {
		return Reply{}, Failed{"lost: it was on its way when a run was killed (lost_calls: leave)"}
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Reply{}, ctx.Err()
	}
	in, out := r.estimate(), int64(r.Settings.MaxTokens)
	if err := c.purse.reserve(ctx, in, out); err != nil {
		return Reply{}, err
	}
	reply, err = c.attempts(ctx, key, r, in, out)
	c.purse.settle(in, out, reply.In, reply.Out)
	return reply, err
}

// attempts makes a call until it succeeds or may not be tried again.
func (c *Client) attempts(ctx context.Context, key string, r Request,
	in, out int64) (Reply, error) {
	for try := 0; ; try++ {
		if err := c.pace.wait(ctx, in+out); err != nil {
			return Reply{}, err
		}
		if err := c.journal.sent(key, in, out); err != nil {
			return Reply{}, Fatal{err}
		}
		c.count(func(s *Stats) { s.Sent++ })
		reply, err := c.sender.send(ctx, r, key)
		if err == nil {
			err = c.accepted(r, reply)
		}
		if err == nil {
			c.pace.used(in+out, reply.In+reply.Out)
			c.count(func(s *Stats) {
				s.Answered++
				s.In, s.Out = s.In+reply.In, s.Out+reply.Out
				c.failing = 0
			})
			return reply, c.journal.answered(key, reply)
		}
		trouble := judge(ctx, err)
		if jerr := c.journal.failed(key, trouble.reason); jerr != nil {
			return Reply{}, Fatal{jerr}
		}
		if ctx.Err() != nil {
			return Reply{}, ctx.Err()
		}
		if trouble.fatal {
			return Reply{}, Fatal{fmt.Errorf("the endpoint %s: %s", c.options.URL, trouble.detail)}
		}
		if !trouble.again || try >= c.options.Retries {
			return Reply{}, c.failure(trouble)
		}
		c.count(func(s *Stats) { s.Retried[trouble.reason]++ })
		wait := trouble.wait
		if wait == 0 {
			wait = backoff(key, try)
		}
		if wait > c.options.MaxWait {
			return Reply{}, Fatal{fmt.Errorf("the endpoint %s asks to wait %s, more than max_wait %s; "+
				"run the command again later", c.options.URL, wait, c.options.MaxWait)}
		}
		if trouble.wait > 0 {
			c.pace.hold(wait) // everybody waits
		}
		if err := sleep(ctx, wait); err != nil {
			return Reply{}, err
		}
	}
}

// accepted refuses the reply of another model.
func (c *Client) accepted(r Request, reply Reply) error {
	if sameModel(r.Model, reply.Model) || slices.Contains(c.options.Accept, reply.Model) {
		return nil
	}
	return wrongModel{r.Model, reply.Model}
}

// maxFailing is the number of calls that may fail one after the other before a run gives up.
const maxFailing = 8

// failure counts a call that failed for good; too many in a row end the run.
func (c *Client) failure(t trouble) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Failed++
	c.failing++
	if t.down || c.failing >= maxFailing {
		return Fatal{fmt.Errorf("the endpoint %s fails: %s (%d calls in a row, each tried %d times); "+
			"mend it and run the command again: answered calls are kept", c.options.URL, t.detail, c.failing,
			c.options.Retries+1)}
	}
	return Failed{t.reason + ": " + t.detail}
}

// Stats count what a client did. In and Out are tokens of this run; spent are those of all runs.
type Stats struct {
	Sent, Answered, Cached, Failed int64
	// Lost are calls of runs before that were on their way when the run was killed.
	Lost       int64
	Retried    map[string]int64 // by reason
	In, Out    int64
	SpentTotal int64   // tokens of all runs
	SpentMoney float64 // of all runs
}

func (c *Client) count(f func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}

// Stats returns the counts so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Retried = map[string]int64{}
	for k, n := range c.stats.Retried {
		s.Retried[k] = n
	}
	s.SpentTotal, s.SpentMoney = c.purse.spent()
	return s
}
