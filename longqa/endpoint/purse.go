package endpoint

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// purse keeps a budget: what calls on their way may use is set aside.
type purse struct {
	mu      sync.Mutex
	budget  Budget
	price   Price
	in, out int64 // spent
	// asideIn and asideOut are set aside for calls on their way, of which there are flying.
	asideIn, asideOut int64
	flying            int
	changed           chan struct{} // closed and renewed when a call ends
}

func newPurse(b Budget, p Price) *purse {
	return &purse{budget: b, price: p, changed: make(chan struct{})}
}

// reserve sets tokens aside. Where only calls on their way leave no room, it waits for them, since
// most use less than they might.
func (p *purse) reserve(ctx context.Context, in, out int64) error {
	for {
		p.mu.Lock()
		err := p.refuse(p.in+p.asideIn+in, p.out+p.asideOut+out)
		if err == nil {
			p.asideIn, p.asideOut, p.flying = p.asideIn+in, p.asideOut+out, p.flying+1
		}
		alone, changed := p.flying == 0, p.changed
		p.mu.Unlock()
		if err == nil || alone {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refuse returns ErrBudget if the tokens are beyond the budget.
func (p *purse) refuse(in, out int64) error {
	if most := p.budget.Tokens; most > 0 && in+out > most {
		return fmt.Errorf("%w: %d of %d tokens are used, and the next call may need %d", ErrBudget,
			p.in+p.out, most, in+out-p.in-p.out)
	}
	if most := p.budget.Money; most > 0 && p.price.of(in, out) > most {
		return fmt.Errorf("%w: %.4f of %.4f is used, and the next call may cost %.4f", ErrBudget,
			p.price.of(p.in, p.out), most, p.price.of(in, out)-p.price.of(p.in, p.out))
	}
	return nil
}

// settle puts what was used into the place of what was set aside.
func (p *purse) settle(in, out, usedIn, usedOut int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asideIn, p.asideOut, p.flying = p.asideIn-in, p.asideOut-out, p.flying-1
	p.in, p.out = p.in+usedIn, p.out+usedOut
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *purse) spent() (tokens int64, money float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.in + p.out, p.price.of(p.in, p.out)
}

// pace keeps calls within rates.
type pace struct {
	requests, tokens *rate.Limiter // nil: no bound
	mu               sync.Mutex
	until            time.Time // nobody calls before
}

func newPace(requests, tokens int) *pace {
	p := &pace{}
	if requests > 0 {
		p.requests = rate.NewLimiter(rate.Limit(float64(requests)/60), 1)
	}
	if tokens > 0 {
		p.tokens = rate.NewLimiter(rate.Limit(float64(tokens)/60), tokens)
	}
	return p
}

// wait returns when a call with a number of tokens may be made. One that needs more than a minute's
// tokens waits for a whole minute's.
func (p *pace) wait(ctx context.Context, tokens int64) error {
	if p.requests != nil {
		if err := p.requests.Wait(ctx); err != nil {
			return err
		}
	}
	if p.tokens != nil {
		if err := p.tokens.WaitN(ctx, int(min(tokens, int64(p.tokens.Burst())))); err != nil {
			return err
		}
	}
	p.mu.Lock()
	left := time.Until(p.until)
	p.mu.Unlock()
	if left > 0 {
		return sleep(ctx, left)
	}
	return ctx.Err()
}

// used gives back the tokens that a call did not need.
func (p *pace) used(reserved, used int64) {
	if p.tokens == nil {
		return
	}
	most := int64(p.tokens.Burst())
	if back := min(reserved, most) - min(used, most); back > 0 {
		p.tokens.ReserveN(time.Now(), -int(back))
	}
}

// hold makes everybody wait.
func (p *pace) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := time.Now().Add(d); at.After(p.until) {
		p.until = at
	}
}
