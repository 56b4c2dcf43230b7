package teacher

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"longlora/longqa/endpoint"
)

// item is what a teacher wrote: a question with its answer, or a conversation.
type item struct {
	pair
	Turns []pair `json:"turns"`
}

type pair struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
	Evidence texts  `json:"evidence"`
}

// texts is a list of texts; models write a single one without the list.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// pairs are an item's questions in order.
func (i item) pairs() []pair {
	if len(i.Turns) > 0 {
		return i.Turns
	}
	return []pair{i.pair}
}

// The reasons for rejecting a whole reply.
const (
	reasonRefused   = "teacher-refused"
	reasonMalformed = "teacher-reply-malformed"
	reasonCutOff    = "teacher-reply-cut-off"
)

// badReply is a reply that gives nothing.
type badReply struct{ reason, detail string }

func (b badReply) Error() string { return b.reason + ": " + b.detail }

// refusal are the words with which models that were tuned for chats refuse.
var refusal = regexp.MustCompile(`(?i)^\W*(i'?m sorry|i am sorry|sorry,|i can(no|')t|i am (not able|unable)|` +
	`i'm (not able|unable)|as an ai|es tut mir leid|je suis désolé|抱歉|对不起|我无法)`)

// itemsOf reads a reply.
func itemsOf(r endpoint.Reply) ([]item, error) {
	var reply struct {
		Items []item `json:"items"`
	}
	if err := read(r, &reply); err != nil {
		return nil, err
	}
	if len(reply.Items) == 0 {
		return nil, badReply{reasonMalformed, fmt.Sprintf("no items in %.80q", r.Text)}
	}
	return reply.Items, nil
}

// read finds the JSON object of a reply: the whole, or what stands in a fence or between words.
func read(r endpoint.Reply, into any) error {
	text := strings.TrimSpace(r.Text)
	switch {
	case r.Refusal != "":
		return badReply{reasonRefused, fmt.Sprintf("%.120q", r.Refusal)}
	case r.Finish == "content_filter":
		return badReply{reasonRefused, "the endpoint's content filter"}
	}
	object, err := objectIn(text)
	if err == nil {
		err = json.Unmarshal([]byte(object), into)
	}
	switch {
	case err == nil:
		return nil
	case refusal.MatchString(text):
		return badReply{reasonRefused, fmt.Sprintf("%.120q", text)}
	case r.Finish == "length":
		return badReply{reasonCutOff, "it is longer than max_tokens"}
	}
	return badReply{reasonMalformed, fmt.Sprintf("%v in %.80q", err, text)}
}

// objectIn returns the first JSON object in a text; what a reasoning model thinks aloud goes first.
func objectIn(text string) (string, error) {
	if _, after, ok := strings.Cut(text, "</think>"); ok {
		text = after
	}
	for at := strings.IndexByte(text, '{'); at >= 0; {
		var object json.RawMessage
		err := json.NewDecoder(strings.NewReader(text[at:])).Decode(&object)
		if err == nil {
			return string(object), nil
		}
		next := strings.IndexByte(text[at+1:], '{')
		if next < 0 || !strings.HasPrefix(strings.TrimSpace(text[at+1:]), "{") && next > 200 {
			return "", err
		}
		at += 1 + next
	}
	return "", errors.New("no JSON object")
}
