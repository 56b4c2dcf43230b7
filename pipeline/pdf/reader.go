package pdf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// The reasons why a file has no text to give. Other errors are of the machine or the context.
var (
	ErrEncrypted = errors.New("it is encrypted and needs a password")
	ErrScanned   = errors.New("it has no text layer")
	ErrUnmapped  = errors.New("its fonts do not say which characters they show")
	ErrBroken    = errors.New("it is no well-formed PDF")
	ErrLimit     = errors.New("it takes more time or memory than is allowed")
)

// Options bound the reading of a file. Zero values mean the defaults.
type Options struct {
	// Timeout bounds one file; 0 means two minutes.
	Timeout time.Duration
	// Memory bounds an instance, in bytes, the file included; 0 means 1 GiB.
	Memory int64
	// Pages is the number of pages that are read; a file with more is refused. 0 means 20,000.
	Pages int
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.Memory == 0 {
		o.Memory = 1 << 30
	}
	if o.Pages == 0 {
		o.Pages = 20_000
	}
	return o
}

// Reader reads files. PDFium is compiled when the first is read, once in a process. Its methods may be called
// concurrently.
type Reader struct {
	o    Options
	once sync.Once
	pool pdfium.Pool
	err  error
}

// NewReader returns a reader.
func NewReader(o Options) *Reader { return &Reader{o: o.withDefaults()} }

// Close frees what the reader holds.
func (r *Reader) Close() error {
	r.once.Do(func() { r.err = errors.New("the PDF reader is closed") })
	if r.pool == nil {
		return nil
	}
	return r.pool.Close()
}

const (
	wasmPage = 64 << 10
	// maxInstances is more than any machine works on at once; an instance costs nothing until it is
	// used.
	maxInstances = 1024
)

// start compiles PDFium.
func (r *Reader) start() {
	features := api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling
	r.pool, r.err = webassembly.Init(webassembly.Config{
		Context:  experimental.WithCompilationWorkers(context.Background(), runtime.GOMAXPROCS(0)),
		MaxTotal: maxInstances, Stdout: io.Discard, Stderr: io.Discard,
		FSConfig: wazero.NewFSConfig(), // PDFium sees no file
		RuntimeConfig: wazero.NewRuntimeConfig().WithCoreFeatures(features).
			WithCloseOnContextDone(true).WithMemoryLimitPages(uint32(r.o.Memory / wasmPage)).
			WithCompilationCache(compiled()),
	})
}

// compiled holds PDFium's machine code, so that a process compiles it once for all of its readers.
var compiled = sync.OnceValue(wazero.NewCompilationCache)

// Text is what a file says.
type Text struct {
	Title string // of the file's metadata, else its largest heading on the first page
	Body  string // Markdown
	Pages int
}

// Read reads a file. The error is one of this package's reasons if the file is at fault.
func (r *Reader) Read(ctx context.Context, data []byte) (Text, error) {
	pages, title, err := r.pages(ctx, data)
	if err != nil {
		return Text{}, err
	}
	if err := judge(pages); err != nil {
		return Text{}, err
	}
	body, heading := compose(pages)
	if !usable(title) {
		title = heading
	}
	return Text{Title: title, Body: body, Pages: len(pages)}, nil
}

// usable reports whether a title of the metadata is one that a person gave.
func usable(title string) bool {
	lower := strings.ToLower(title)
	if len([]rune(strings.TrimSpace(title))) < 3 || lower == "untitled" ||
		strings.HasPrefix(lower, "microsoft word") {
		return false
	}
	for _, suffix := range []string{".tex", ".dvi", ".doc", ".docx", ".pdf", ".ps", ".indd", ".qxd"} {
		if strings.HasSuffix(lower, suffix) {
			return false
		}
	}
	return true
}

// pages runs PDFium over the file.
func (r *Reader) pages(ctx context.Context, data []byte) (pages []page, title string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	if r.once.Do(r.start); r.err != nil {
		return nil, "", fmt.Errorf("start PDFium: %w", r.err)
	}
	instance, err := r.pool.GetInstanceWithContext(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("start PDFium: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	s := &session{ctx: limited, in: instance, o: r.o}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil { // PDFium ran out of memory, or was stopped
				done <- ErrLimit
			}
		}()
		done <- s.read(data)
	}()
	select {
	case err = <-done:
		if closed := instance.Close(); err == nil && closed != nil {
			err = ErrBroken
		}
	case <-limited.Done():
		s.quick.Lock()
		killed := instance.Kill()
		s.quick.Unlock()
		<-done
		err = errors.Join(ErrLimit, killed)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	} else if limited.Err() != nil {
		err = fmt.Errorf("%w: %v have passed", ErrLimit, r.o.Timeout)
	}
	return s.pages, s.title, err
}
