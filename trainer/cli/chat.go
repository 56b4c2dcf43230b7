package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"longlora/internal/prompt"
	"longlora/internal/tokenizer"
	"longlora/trainer/chat"
	"longlora/trainer/decode"
	"longlora/trainer/generate"
)

// chatFlags are those of chat.
type chatFlags struct {
	modelFlags
	talkFlags
	samplingFlags
	file, system string
}

func chatCommand() *cobra.Command {
	f := &chatFlags{}
	c := &cobra.Command{
		Use:   "chat",
		Short: "Talk with a model in the terminal, about a long text if there is one",
		Long: "Talk with a model: a question a line, until the end of input or /exit; /new begins anew.\n" +
			"Ctrl-C ends an answer on its way, or else the talk.\n" +
			"With --file the first question is asked about that text, which is read once.",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	f.talkFlags.add(c)
	f.samplingFlags.add(c, 512)
	c.Flags().StringVar(&f.file, "file", "", "text to talk about")
	c.Flags().StringVar(&f.system, "system", "", "system message")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

// message is a turn of a conversation.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// conversation is a chat that goes on.
type conversation struct {
	f        *chatFlags
	talk     *chat.Talk
	tok      *tokenizer.Tokenizer
	decoder  *decode.Server
	document string
	messages []message
}

func (f *chatFlags) run(c *cobra.Command) (err error) {
	if err := f.samplingFlags.check(); err != nil {
		return err
	}
	v := &conversation{f: f}
	if f.file != "" {
		text, err := os.ReadFile(f.file)
		if err != nil {
			return err
		}
		v.document = string(text)
	}
	m, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if v.tok, err = tokenizerOf(m); err != nil {
		return err
	}
	if v.talk, err = f.talk(m, v.tok); err != nil {
		return err
	}
	if v.decoder, err = decode.New(m.Model, decode.Options{Active: 1}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.decoder.Close()) }()
	v.begin()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	defer signal.Stop(signals)
	ctx, stop := signal.NotifyContext(context.WithoutCancel(c.Context()), syscall.SIGTERM)
	defer stop()
	return v.loop(ctx, c, signals)
}

// begin forgets the conversation.
func (v *conversation) begin() {
	v.messages = nil
	if v.f.system != "" {
		v.messages = []message{{"system", v.f.system}}
	}
}

// maxLine is the longest question in bytes.
const maxLine = 1 << 24

// loop answers questions. Ctrl-C ends the answer on its way, or the talk if there is none.
func (v *conversation) loop(ctx context.Context, c *cobra.Command, signals <-chan os.Signal) error {
	in := newQuestions(c.InOrStdin())
	for {
		fmt.Fprint(c.ErrOrStderr(), "> ")
		line, err := in.next(ctx, signals)
		if err != nil || line == nil {
			fmt.Fprintln(c.ErrOrStderr())
			return err
		}
		switch line := strings.TrimSpace(*line); line {
		case "":
		case "/exit":
			return nil
		case "/new":
			v.begin()
		default:
			turn, interrupted := until(ctx, signals)
			err := v.turn(turn, c, line)
			if !interrupted() && err != nil {
				return err
			}
		}
	}
}

// questions are lines that are read while something else may be waited for.
type questions struct {
	lines chan string
	err   error // once lines is closed
}

func newQuestions(r io.Reader) *questions {
	q := &questions{lines: make(chan string)}
	go func() {
		defer close(q.lines)
		s := bufio.NewScanner(r)
		s.Buffer(nil, maxLine)
		for s.Scan() {
			q.lines <- s.Text()
		}
		q.err = s.Err()
	}()
	return q
}

// next returns the next line; nil at the end of input, and after a signal.
func (q *questions) next(ctx context.Context, signals <-chan os.Signal) (*string, error) {
	select {
	case line, ok := <-q.lines:
		if ok {
			return &line, nil
		}
		return nil, q.err
	case <-signals:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// until returns a context that ends at a signal, and a function that releases it and says whether
// there was one.
func until(ctx context.Context, signals <-chan os.Signal) (context.Context, func() bool) {
	ctx, cancel := context.WithCancel(ctx)
	released := make(chan struct{})
	ended := make(chan bool, 1)
	go func() {
		select {
		case <-signals:
			cancel()
			ended <- true
		case <-released:
			ended <- false
		}
	}()
	return ctx, func() bool {
		close(released)
		defer cancel()
		return <-ended
	}
}

// turn asks a question and writes the answer as it comes. A conversation that has grown too long is
// said to be so, and the question is not kept. Of an answer that was interrupted what there is is kept.
func (v *conversation) turn(ctx context.Context, c *cobra.Command, question string) error {
	if v.document != "" && !slices.ContainsFunc(v.messages, func(m message) bool {
		return m.Role == "user"
	}) {
		question = prompt.Question(question, v.document, false)
	}
	asked := append(slices.Clone(v.messages), message{"user", question})
	answer, err := v.answer(ctx, asked, c.OutOrStdout(), c.ErrOrStderr())
	var long *decode.TooLongError
	if errors.As(err, &long) {
		fmt.Fprintf(c.ErrOrStderr(), "%v; /new begins anew\n", err)
		return nil
	}
	v.messages = append(asked, message{"assistant", answer})
	return err
}

func (v *conversation) answer(ctx context.Context, messages []message, out, progress io.Writer) (
	string, error) {
	data, err := json.Marshal(messages)
	if err != nil {
		return "", err
	}
	ids, err := v.talk.Prompt(ctx, chat.Request{Messages: data, Generate: true})
	if err != nil {
		return "", err
	}
	r := decode.Request{Prompt: ids, Options: v.f.samplingFlags.Options, Sinks: v.f.sinks,
		Window: v.f.window}
	r.Stop = v.talk.Stops()
	all, err := v.decoder.Submit(ctx, r, 1)
	if err != nil {
		return "", err
	}
	return v.write(all[0], len(ids), r.Stop, out, progress)
}

// write writes an answer's text as it comes and returns it.
func (v *conversation) write(g *decode.Generation, prompt int, stop []int32, out,
	progress io.Writer) (answer string, err error) {
	read := newReading(progress, prompt)
	defer read.done()
	text := generate.NewText(v.tok, v.f.stopTexts)
	say := func(part string, failed error) {
		answer += part
		_, wrong := io.WriteString(out, part)
		err = errors.Join(err, failed, wrong)
	}
	ended := false
	for e := range g.Events() {
		switch {
		case e.End:
			err = errors.Join(err, e.Err)
		case !e.Token:
			read.to(e.Read)
		case !ended && !slices.Contains(stop, e.ID):
			part, stopped, failed := text.Push(e.ID)
			say(part, failed)
			if ended = stopped; stopped {
				g.Stop()
			}
		}
	}
	if !ended {
		say(text.Flush())
	}
	_, last := io.WriteString(out, "\n")
	return answer, errors.Join(err, last)
}
