package serve

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// probable is a reply as far as its answers' probabilities go.
type probable struct {
	Choices []struct {
		Index    int
		Text     string
		Message  struct{ Content string }
		Delta    struct{ Content string }
		Logprobs *struct {
			Content []struct {
				Token       string
				Logprob     float64
				Bytes       []byte
				TopLogprobs []struct {
					Token   string
					Logprob float64
				} `json:"top_logprobs"`
			}
			Tokens        []string
			TokenLogprobs []float64            `json:"token_logprobs"`
			TopLogprobs   []map[string]float64 `json:"top_logprobs"`
			TextOffset    []int                `json:"text_offset"`
		}
	}
	Usage *usage
}

func read(t *testing.T, text string) (p probable) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return p
}

// TestSeveralAnswers: n answers are those of their seeds alone; streamed they are the same.
func TestSeveralAnswers(t *testing.T) {
	f := start(t, nil)
	ask := func(more string) string {
		_, body := f.post(t, "/v1/completions",
			`{"prompt": "func main() {\n", "max_tokens": 15, "seed": 3, "temperature": 0.9`+more+`}`)
		return body
	}
	three := read(t, ask(`, "n": 3`))
	if len(three.Choices) != 3 || three.Usage.Completion != 45 {
		t.Fatalf("%+v", three)
	}
	for i, c := range three.Choices {
		_, body := f.post(t, "/v1/completions", fmt.Sprintf(
			`{"prompt": "func main() {\n", "max_tokens": 15, "temperature": 0.9, "seed": %d}`, 3+i))
		if want := read(t, body).Choices[0].Text; c.Index != i || c.Text != want {
			t.Errorf("answer %d is %q, want %q", i, c.Text, want)
		}
	}
	var streamed [3]string
	for line := range strings.SplitSeq(ask(`, "n": 3, "stream": true`), "\n\n") {
		data, ok := strings.CutPrefix(line, "data: {")
		if !ok {
			continue
		}
		for _, c := range read(t, "{"+data).Choices {
			streamed[c.Index] += c.Text
		}
	}
	for i, text := range streamed {
		if text != three.Choices[i].Text {
			t.Errorf("streamed answer %d is %q, want %q", i, text, three.Choices[i].Text)
		}
	}
}

// TestLogprobs: a greedy answer's tokens are the most probable ones and spell it; in both forms and
// streamed they are the same.
func TestLogprobs(t *testing.T) {
	f := start(t, nil)
	_, body := f.post(t, "/v1/completions",
		`{"prompt": "func", "max_tokens": 10, "temperature": 0, "logprobs": 3}`)
	text := read(t, body).Choices[0]
	l := text.Logprobs
	if l == nil || len(l.Tokens) != 10 || strings.Join(l.Tokens, "") != text.Text {
		t.Fatalf("%s", body)
	}
	for i, token := range l.Tokens {
		if len(l.TopLogprobs[i]) != 3 || l.TopLogprobs[i][token] != l.TokenLogprobs[i] {
			t.Errorf("%d: %q has %v, the first three %v", i, token, l.TokenLogprobs[i], l.TopLogprobs[i])
		}
		for other, p := range l.TopLogprobs[i] {
			if p > l.TokenLogprobs[i] {
				t.Errorf("%d: %q has %v and was not chosen", i, other, p)
			}
		}
		if want := len([]rune(strings.Join(l.Tokens[:i], ""))); l.TextOffset[i] != want {
			t.Errorf("%d: at %d, want %d", i, l.TextOffset[i], want)
		}
	}
	_, body = f.post(t, "/v1/chat/completions", question+`, "logprobs": true, "top_logprobs": 2}`)
	chat := read(t, body).Choices[0]
	spelled := ""
	for _, c := range chat.Logprobs.Content {
		spelled += c.Token
		if len(c.TopLogprobs) != 2 || c.TopLogprobs[0].Logprob != c.Logprob || !(c.Logprob < 0) ||
			math.IsInf(c.Logprob, 0) {
			t.Errorf("%+v", c)
		}
	}
	if spelled != chat.Message.Content || len(chat.Logprobs.Content) != 12 {
		t.Errorf("%q, want %q", spelled, chat.Message.Content)
	}
	_, body = f.post(t, "/v1/chat/completions", question+`, "logprobs": true, "stream": true}`)
	streamed, n := "", 0
	for line := range strings.SplitSeq(body, "\n\n") {
		data, ok := strings.CutPrefix(line, "data: {")
		if !ok {
			continue
		}
		for _, c := range read(t, "{"+data).Choices {
			if c.Logprobs == nil {
				continue
			}
			for _, x := range c.Logprobs.Content {
				if x.Logprob != chat.Logprobs.Content[n].Logprob {
					t.Errorf("streamed token %d has %v, want %v", n, x.Logprob, chat.Logprobs.Content[n].Logprob)
				}
				streamed += x.Token
				n++
			}
		}
	}
	if streamed != chat.Message.Content {
		t.Errorf("streamed %q, want %q", streamed, chat.Message.Content)
	}
}

// TestLogprobsStopAtAStopText: what lies behind a stop text is no token of the answer.
func TestLogprobsStopAtAStopText(t *testing.T) {
	f := start(t, nil)
	const head = `{"prompt": "func", "max_tokens": 30, "temperature": 0, "logprobs": 0`
	_, body := f.post(t, "/v1/completions", head+"}")
	tokens := read(t, body).Choices[0].Logprobs.Tokens
	stop, err := json.Marshal(tokens[20] + tokens[21])
	if err != nil {
		t.Fatal(err)
	}
	_, body = f.post(t, "/v1/completions", head+`, "stop": `+string(stop)+"}")
	c := read(t, body).Choices[0]
	if got := strings.Join(c.Logprobs.Tokens, ""); got != c.Text || len(c.Logprobs.Tokens) > 20 {
		t.Errorf("tokens %q of the text %q", got, c.Text)
	}
}

// TestBiasAndPenalties change what is chosen.
func TestBiasAndPenalties(t *testing.T) {
	f := start(t, nil)
	ask := func(more string) []string {
		_, body := f.post(t, "/v1/completions",
			`{"prompt": "func", "max_tokens": 12, "temperature": 0, "logprobs": 0`+more+`}`)
		return read(t, body).Choices[0].Logprobs.Tokens
	}
	word := f.tok.Encode(nil, "return", false)[0]
	text, err := f.tok.Decode([]int32{word}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range ask(fmt.Sprintf(`, "logit_bias": {"%d": 100}`, word)) {
		if got != text {
			t.Errorf("%q in spite of the bias for %q", got, text)
		}
	}
	bias := fmt.Sprintf(`, "logit_bias": {"%d": 1.5}`, word)
	often := func(tokens []string) (n int) {
		for _, x := range tokens {
			if x == text {
				n++
			}
		}
		return n
	}
	if all, some := often(ask(bias)), often(ask(bias+`, "frequency_penalty": 2`)); some == 0 || some >= all {
		t.Errorf("%d of 12 times, with a penalty %d times", all, some)
	}
}
