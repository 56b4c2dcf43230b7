package command

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// lineEvery is the time between two progress lines where there is no terminal.
const lineEvery = 5 * time.Second

// Progress shows how far a long job is: a bar on a terminal, a line every few seconds elsewhere. It
// may be used concurrently.
type Progress struct {
	mu          sync.Mutex
	w           io.Writer
	name, unit  string
	total, done int64
	begun, last time.Time
	bars        *mpb.Progress
	bar         *mpb.Bar
}

// NewProgress starts showing on w. total is in units of unit; 0 means that it is not known.
func NewProgress(w io.Writer, name string, total int64, unit string) *Progress {
	p := &Progress{w: w, name: name, unit: unit, total: total, begun: time.Now()}
	p.last = p.begun
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		p.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(64))
		p.bar = p.bars.AddBar(total,
			mpb.PrependDecorators(decor.Name(name+" "), decor.CountersNoUnit("%d/%d "+unit)),
			mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)))
	}
	return p
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Add counts n more units.
func (p *Progress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.bar != nil {
		p.bar.IncrInt64(n)
		return
	}
	if now := time.Now(); now.Sub(p.last) >= lineEvery {
		p.last = now
		p.line(now)
	}
}

// Done ends the showing; elsewhere than on a terminal it writes the last line.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.SetTotal(p.done, true)
		p.bars.Wait()
		return
	}
	p.line(time.Now())
}

func (p *Progress) line(now time.Time) {
	spent := now.Sub(p.begun)
	if p.total <= 0 {
		fmt.Fprintf(p.w, "%s: %d %s, %s\n", p.name, p.done, p.unit, spent.Round(time.Second))
		return
	}
	left := time.Duration(0)
	if p.done > 0 && p.done < p.total {
		left = time.Duration(float64(spent) * float64(p.total-p.done) / float64(p.done))
	}
	fmt.Fprintf(p.w, "%s: %d of %d %s (%d%%), %s, %s left\n", p.name, p.done, p.total, p.unit,
		100*p.done/p.total, spent.Round(time.Second), left.Round(time.Second))
}
