package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// decoder is a stage on the way from tokens to text.
type decoder interface {
	// sink returns a new sink that sends what it makes of tokens on to the next one.
	sink(next sink) sink
	// fuses reports whether the stage makes one token of all. It sends it on in parts.
	fuses() bool
	// takesParts reports whether the stage can work on a token that comes in parts.
	takesParts() bool
}

// sink takes tokens, or the parts of a single token, one at a time.
type sink interface {
	token(s string)
	end()
}

// decoderTable reads each type of decoder from its object in the file.
var decoderTable = map[string]func(stage) (decoder, error){
	"ByteLevel":    func(stage) (decoder, error) { return byteLevelDecoder{}, nil },
	"ByteFallback": func(stage) (decoder, error) { return byteFallbackDecoder{}, nil },
	"Fuse":         func(stage) (decoder, error) { return fuseDecoder{}, nil },
	"Replace":      readReplaceDecoder,
	"Strip":        readStripDecoder,
	"Metaspace":    readMetaspaceDecoder,
}

func (s *spec) readDecoder(c *fileJSON) error {
	stages, err := readStages("decoder", c.Decoder)
	if err != nil {
		return err
	}
	fused := false
	for _, st := range stages {
		read, ok := decoderTable[st.Type]
		if !ok {
			return fmt.Errorf("decoder: type %q is not supported", st.Type)
		}
		d, err := read(st)
		if err != nil {
			return fmt.Errorf("decoder: %s: %w", st.Type, err)
		}
		if fused && !d.takesParts() {
			return fmt.Errorf("decoder: %s behind a stage that makes one token of all is not supported",
				st.Type)
		}
		if strip, ok := d.(stripDecoder); ok {
			strip.fused = fused
			d = strip
		}
		fused = fused || d.fuses()
		s.decoders = append(s.decoders, d)
	}
	if len(stages) == 0 {
		s.decoders = []decoder{spaceDecoder{}}
	}
	return nil
}

// Decode returns the text of ids. With skipSpecial, special tokens are left out. An id that the
// vocabulary does not have is an error.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) (string, error) {
	s := t.NewStream(skipSpecial)
	for i, id := range ids {
		if err := s.push(id); err != nil {
			return "", fmt.Errorf("tokenizer: decode: position %d: %w", i, err)
		}
	}
	s.first.end()
	return s.text.String(), nil
}

// chain returns the first of the decoders' sinks; the last writes text.
func (t *Tokenizer) chain(text *strings.Builder) sink {
	var s sink = textSink{text}
	for i := len(t.decoders) - 1; i >= 0; i-- {
		s = t.decoders[i].sink(s)
	}
	return s
}

// textSink writes text down.
type textSink struct{ to *strings.Builder }

func (s textSink) token(part string) { s.to.WriteString(part) }
func (s textSink) end()              {}

// byteLevelDecoder makes text of the bytes that the tokens' characters stand for. A token with other
// characters stands for itself.
type byteLevelDecoder struct{}

func (byteLevelDecoder) fuses() bool         { return true }
func (byteLevelDecoder) takesParts() bool    { return false }
func (byteLevelDecoder) sink(next sink) sink { return &byteSink{next: next} }

// byteSink holds back the bytes of a character that is not complete.
type byteSink struct {
	next    sink
	pending []byte
}

func (s *byteSink) token(t string) {
	before := len(s.pending)
	for _, r := range t {
		b, ok := toByte[r]
		if !ok {
			s.pending = append(s.pending[:before], t...)
			break
		}
		s.pending = append(s.pending, b)
	}
	if n := complete(s.pending); n > 0 {
		s.next.token(replaceInvalid(string(s.pending[:n])))
		s.pending = append(s.pending[:0], s.pending[n:]...)
	}
}

// complete returns the length of b without a character at its end that more bytes could complete.
func complete(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if utf8.RuneStart(b[len(b)-n]) {
			if !utf8.FullRune(b[len(b)-n:]) {
				return len(b) - n
			}
			break
		}
	}
	return len(b)
}

func (s *byteSink) end() {
	if len(s.pending) > 0 {
		s.next.token(replaceInvalid(string(s.pending)))
		s.pending = nil
	}
	s.next.end()
}

// byteFallbackDecoder makes each run of <0xHH> tokens one token: its text if that is valid UTF-8, else
// a U+FFFD a byte.
type byteFallbackDecoder struct{}

func (byteFallbackDecoder) fuses() bool         { return false }
func (byteFallbackDecoder) takesParts() bool    { return false }
func (byteFallbackDecoder) sink(next sink) sink { return &fallbackSink{next: next} }

// fallbackSink holds back a run: what the whole run is worth is only known at its end.
type fallbackSink struct {
	next sink
	run  []byte
}

func (s *fallbackSink) token(t string) {
	if b, ok := byteOf(t); ok {
		s.run = append(s.run, b)
		return
	}
	s.flush()
	s.next.token(t)
}

func (s *fallbackSink) flush() {
	if utf8.Valid(s.run) && len(s.run) > 0 {
		s.next.token(string(s.run))
	} else {
		for range s.run {
			s.next.token("\ufffd")
		}
	}
	s.run = s.run[:0]
}

func (s *fallbackSink) end() {
	s.flush()
	s.next.end()
}

// byteOf returns the byte of a <0xHH> token.
func byteOf(t string) (byte, bool) {
	if len(t) != 6 || t[:3] != "<0x" || t[5] != '>' {
		return 0, false
	}
	high, ok1 := hexDigit(t[3])
	low, ok2 := hexDigit(t[4])
	if t[3] == '+' { // the reference's number parser takes a sign
		high, ok1 = 0, true
	}
	return high<<4 | low, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// fuseDecoder makes one token of all.
type fuseDecoder struct{}

func (fuseDecoder) fuses() bool         { return true }
func (fuseDecoder) takesParts() bool    { return true }
func (fuseDecoder) sink(next sink) sink { return next }

// replaceDecoder replaces each match in a token.
type replaceDecoder struct{ replace }

func readReplaceDecoder(st stage) (decoder, error) {
	n, err := readReplace(st)
	if err != nil {
		return nil, err
	}
	return replaceDecoder{n.(replace)}, nil
}

func (d replaceDecoder) fuses() bool { return false }

func (d replaceDecoder) takesParts() bool {
	l, ok := d.find.(literal) // parts end where characters do
	return ok && utf8.RuneCountInString(string(l)) == 1
}

func (d replaceDecoder) sink(next sink) sink {
	return mapSink{next, func(t string) string { return d.apply(piece{text: t}).text }}
}

// mapSink changes each token by itself.
type mapSink struct {
	next   sink
	change func(string) string
}

func (s mapSink) token(t string) { s.next.token(s.change(t)) }
func (s mapSink) end()           { s.next.end() }

// stripDecoder drops up to start leading and up to stop trailing content from each token.
type stripDecoder struct {
	content     string // one character
	start, stop int
	fused       bool // all is one token, which comes in parts
}

func readStripDecoder(st stage) (decoder, error) {
	if st.Content == nil || utf8.RuneCountInString(*st.Content) != 1 {
		return nil, fmt.Errorf("the content is not one character")
	}
	if st.Start < 0 || st.Stop < 0 {
		return nil, fmt.Errorf("start %d or stop %d is negative", st.Start, st.Stop)
	}
	return stripDecoder{content: *st.Content, start: st.Start, stop: st.Stop}, nil
}

func (d stripDecoder) fuses() bool      { return false }
func (d stripDecoder) takesParts() bool { return true }

func (d stripDecoder) sink(next sink) sink {
	if d.fused {
		return &stripSink{stripDecoder: d, next: next}
	}
	return mapSink{next, func(t string) string {
		t, _ = cutLeading(t, d.content, d.start)
		return t[:len(t)-trailing(t, d.content, d.stop)]
	}}
}

// stripSink strips one token that comes in parts: it holds back what may be its end.
type stripSink struct {
	stripDecoder
	next    sink
	started bool
	held    string
}

func (s *stripSink) token(part string) {
	if !s.started {
		var cut int
		part, cut = cutLeading(part, s.content, s.start)
		s.start -= cut
		s.started = part != "" || s.start == 0
	}
	part = s.held + part
	n := len(part) - trailing(part, s.content, s.stop)
	s.held = part[n:]
	if n > 0 {
		s.next.token(part[:n])
	}
}

func (s *stripSink) end() { s.next.end() }

// cutLeading removes content from the beginning up to n times and says how often.
func cutLeading(t, content string, n int) (rest string, cut int) {
	for ; cut < n; cut++ {
		after, ok := strings.CutPrefix(t, content)
		if !ok {
			break
		}
		t = after
	}
	return t, cut
}

// trailing returns the length of up to n repetitions of content at the end.
func trailing(t, content string, n int) int {
	length := 0
	for range n {
		if !strings.HasSuffix(t[:len(t)-length], content) {
			break
		}
		length += len(content)
	}
	return length
}

// metaspaceDecoder writes marks as spaces; those of the first token it drops if the encoder puts a
// mark before the text.
type metaspaceDecoder struct {
	mark string
	drop bool
}

func readMetaspaceDecoder(st stage) (decoder, error) {
	if utf8.RuneCountInString(st.Replacement) != 1 {
		return nil, fmt.Errorf("replacement %q is not one character", st.Replacement)
	}
	scheme, err := readScheme(st)
	return metaspaceDecoder{st.Replacement, scheme != never}, err
}

func (d metaspaceDecoder) fuses() bool      { return false }
func (d metaspaceDecoder) takesParts() bool { return false }

func (d metaspaceDecoder) sink(next sink) sink {
	first := d.drop
	return mapSink{next, func(t string) string {
		space := " "
		if first {
			space, first = "", false
		}
		return strings.ReplaceAll(t, d.mark, space)
	}}
}

// spaceDecoder puts spaces between tokens: what the reference does without a decoder.
type spaceDecoder struct{}

func (spaceDecoder) fuses() bool      { return false }
func (spaceDecoder) takesParts() bool { return false }

func (spaceDecoder) sink(next sink) sink {
	space := ""
	return mapSink{next, func(t string) string {
		t, space = space+t, " "
		return t
	}}
}
