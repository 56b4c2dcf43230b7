package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/prompt"
	"longlora/internal/tokenizer"
	"longlora/trainer/chat"
	"longlora/trainer/decode"
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
	return v.loop(c)
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

func (v *conversation) loop(c *cobra.Command) error {
	lines := bufio.NewScanner(c.InOrStdin())
	lines.Buffer(nil, maxLine)
	for {
		fmt.Fprint(c.ErrOrStderr(), "> ")
		if !lines.Scan() {
			fmt.Fprintln(c.ErrOrStderr())
			return lines.Err()
		}
		switch line := strings.TrimSpace(lines.Text()); line {
		case "":
		case "/exit":
			return nil
		case "/new":
			v.begin()
		default:
			if err := v.turn(c, line); err != nil {
				return err
			}
		}
	}
}

// turn asks a question and writes the answer as it comes. A conversation that has grown too long is
// said to be so, and the question is not kept.
func (v *conversation) turn(c *cobra.Command, question string) error {
	if v.document != "" && !slices.ContainsFunc(v.messages, func(m message) bool {
		return m.Role == "user"
	}) {
		question = prompt.Question(question, v.document, false)
	}
	asked := append(slices.Clone(v.messages), message{"user", question})
	answer, err := v.answer(c.Context(), asked, c.OutOrStdout(), c.ErrOrStderr())
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
	progress io.Writer) (string, error) {
	bar := command.NewProgress(progress, "read", int64(prompt), "tokens")
	read, text := 0, ""
	stream := v.tok.NewStream(true)
	say := func(part string, err error) error {
		text += part
		if err == nil {
			_, err = io.WriteString(out, part)
		}
		return err
	}
	var err error
	for e := range g.Events() {
		if e.Token && bar != nil {
			bar.Done()
			bar = nil
		}
		switch {
		case e.End:
			err = errors.Join(err, e.Err)
		case e.Token && !slices.Contains(stop, e.ID):
			err = errors.Join(err, say(stream.Push(e.ID)))
		case !e.Token:
			bar.Add(int64(e.Read - read))
			read = e.Read
		}
	}
	if bar != nil {
		bar.Done()
	}
	err = errors.Join(err, say(stream.Flush()))
	_, last := io.WriteString(out, "\n")
	return text, errors.Join(err, last)
}
