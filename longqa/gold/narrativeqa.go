package gold

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/text/encoding/charmap"

	"longlora/schemas"
)

// narrativeQA is NarrativeQA (Kočiský et al., TACL 2018): questions about books and film scripts,
// each with two answers. A path is the repository's folder, with qaps.csv and documents.csv; the
// stories are those that its download_stories.sh puts into tmp. With summaries, the material is the
// summaries that the questions were written from.
type narrativeQA struct{ summaries bool }

func (n narrativeQA) Name() string {
	if n.summaries {
		return "narrativeqa-summaries"
	}
	return "narrativeqa"
}

func (n narrativeQA) About() string {
	material := "books and film scripts"
	if n.summaries {
		material = "Wikipedia's summaries of books and films"
	}
	return "NarrativeQA: questions about " + material + ", with two answers each " +
		"(https://github.com/google-deepmind/narrativeqa, Apache-2.0; books in the public domain, " +
		"scripts as their owners license them, summaries CC BY-SA 3.0)."
}

func (narrativeQA) Published() Published {
	return Published{
		Rows:   map[string]int{"train": 32747, "validation": 3461, "test": 10557},
		Origin: "Kočiský et al., TACL 2018, table 3: 46,765 questions over 1,102, 115 and 355 stories",
	}
}

func (n narrativeQA) Rows(path string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		err := n.read(path, func(r Row) bool { return yield(r, nil) })
		if err != nil {
			yield(Row{}, fmt.Errorf("read NarrativeQA: %w", err))
		}
	}
}

// narrative is a document of the set.
type narrative struct {
	text, kind, problem string
	start, end          string // its first and last words, as the publisher tokenized them
}

func (n narrativeQA) read(path string, yield func(Row) bool) error {
	docs, err := n.documents(path)
	if err != nil {
		return err
	}
	count := map[string]int{}
	current := ""
	return table(filepath.Join(path, "qaps.csv"), func(field func(string) string) (bool, error) {
		id := field("document_id")
		d := docs[id]
		if d == nil {
			return false, fmt.Errorf("qaps.csv asks about document %q, which is not among the documents", id)
		}
		if id != current && !n.summaries { // questions about a story follow each other
			if c := docs[current]; c != nil {
				c.text = ""
			}
			current = id
			n.load(path, id, d)
		}
		row := Row{Example: schemas.Example{
			ID:     fmt.Sprintf("%s-%s-%d", n.Name(), id, count[id]),
			DocIDs: []string{"narrativeqa:" + id}, Genre: "book", Task: "question",
			Instruction: strings.TrimSpace(field("question")), Context: d.text,
			Output: strings.TrimSpace(field("answer1")), AnswerSource: "gold:" + n.Name(),
			Licence: n.licence(d.kind), Split: splitOf(field("set")),
			Meta: answersMeta([]string{
				strings.TrimSpace(field("answer1")), strings.TrimSpace(field("answer2")),
			}),
		}}
		if d.kind == "movie" {
			row.Genre = "script"
		}
		count[id]++
		if d.problem != "" {
			row.Reason, row.Problem = "no-material", d.problem
		} else {
			row.Evidence = whole(d.text)
		}
		return yield(checked(row)), nil
	})
}

func (n narrativeQA) licence(kind string) string {
	switch {
	case n.summaries:
		return "Apache-2.0 AND CC-BY-SA-3.0"
	case kind == "gutenberg":
		return "Apache-2.0 AND LicenseRef-public-domain"
	}
	return "Apache-2.0 AND " + unknownLicence
}

// documents reads the list of documents, or of summaries.
func (n narrativeQA) documents(path string) (map[string]*narrative, error) {
	docs := map[string]*narrative{}
	name := "documents.csv"
	if n.summaries {
		name = filepath.Join("third_party", "wikipedia", "summaries.csv")
	}
	err := table(filepath.Join(path, name), func(field func(string) string) (bool, error) {
		d := &narrative{kind: field("kind"), start: field("story_start"), end: field("story_end")}
		if n.summaries {
			d.text = document(field("summary"))
		}
		docs[field("document_id")] = d
		return true, nil
	})
	return docs, err
}

// load reads a story that was downloaded.
func (n narrativeQA) load(path, id string, d *narrative) {
	if id != filepath.Base(id) {
		d.problem = fmt.Sprintf("document id %q is no name of a file", id)
		return
	}
	data, err := os.ReadFile(filepath.Join(path, "tmp", id+".content"))
	if errors.Is(err, os.ErrNotExist) {
		d.problem = "tmp/" + id + ".content is not there; run the set's download_stories.sh"
		return
	}
	if err != nil {
		d.problem = err.Error()
		return
	}
	d.text = document(between(plain(data), d.start, d.end))
	if len(strings.Fields(d.text)) < 100 {
		d.problem = fmt.Sprintf("tmp/%s.content has %d words: the download failed; get it again", id,
			len(strings.Fields(d.text)))
	}
}

// plain is a downloaded page or text as UTF-8 without markup. What is no UTF-8 is Windows-1252, as
// old pages are.
func plain(data []byte) string {
	if !utf8.Valid(data) {
		if decoded, err := charmap.Windows1252.NewDecoder().Bytes(data); err == nil {
			data = decoded
		}
	}
	head := strings.ToLower(string(data[:min(len(data), 2048)]))
	if !strings.Contains(head, "<html") && !strings.Contains(head, "<!doctype html") {
		return strings.TrimPrefix(string(data), "\ufeff")
	}
	var b strings.Builder
	z := html.NewTokenizer(bytes.NewReader(data))
	hidden := 0
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return b.String()
		}
		name, _ := z.TagName()
		switch tag := string(name); kind {
		case html.TextToken:
			if hidden == 0 {
				b.WriteString(html.UnescapeString(string(z.Raw())))
			}
		case html.StartTagToken:
			if tag == "script" || tag == "style" || tag == "head" {
				hidden++
			}
			if tag == "br" || tag == "p" || tag == "div" || tag == "tr" {
				b.WriteByte('\n')
			}
		case html.EndTagToken:
			if (tag == "script" || tag == "style" || tag == "head") && hidden > 0 {
				hidden--
			}
		}
	}
}

// between cuts a text to what lies from the words start to the words end, compared by their letters
// and digits alone; an end that is not found cuts nothing.
func between(text, start, end string) string {
	letters, at := lettersOf(text)
	from, to := 0, len(text)
	first, _ := lettersOf(start)
	last, _ := lettersOf(end)
	if i := strings.Index(letters, first); i >= 0 && first != "" {
		from = at[i]
	}
	if i := strings.LastIndex(letters, last); i >= 0 && last != "" {
		if j := i + len(last); j < len(at) {
			to = at[j]
		}
	}
	if from >= to {
		return text
	}
	return text[from:to]
}

// lettersOf keeps the letters and digits, in lower case, and says at which byte of the text each of
// their bytes begins.
func lettersOf(text string) (string, []int) {
	var b strings.Builder
	var at []int
	for i, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			continue
		}
		n, _ := b.WriteRune(unicode.ToLower(r))
		for range n {
			at = append(at, i)
		}
	}
	return b.String(), at
}

// table reads a CSV file with a header. row gets what a column holds by name; false ends it.
func table(path string, row func(field func(string) string) (bool, error)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.LazyQuotes, r.FieldsPerRecord = true, -1
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: no header: %w", path, err)
	}
	columns := map[string]int{}
	for i, name := range header {
		columns[strings.TrimSpace(name)] = i
	}
	if _, ok := columns["document_id"]; !ok {
		return fmt.Errorf("%s: no column document_id: is it a NarrativeQA file?", path)
	}
	for {
		values, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		more, err := row(func(name string) string {
			if i, ok := columns[name]; ok && i < len(values) {
				return values[i]
			}
			return ""
		})
		if err != nil || !more {
			return err
		}
	}
}
