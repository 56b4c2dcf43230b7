package outline

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"longlora/longqa/material"
	"longlora/longqa/prose"
)

// The conventions of headings. A document keeps those that show in it often enough.
const (
	// Markdown has "# Heading" and underlined headings, outside of fenced code.
	Markdown = "markdown"
	// Chapters are lines as "CHAPTER IV. A title", "Livre premier", "第三章" or "Preface".
	Chapters = "chapters"
	// Numerals are lines with a Roman number alone.
	Numerals = "numerals"
	// Numbered are lines as "2.1 A title".
	Numbered = "numbered"
)

const (
	// maxHeading is the greatest length of a heading, in code points.
	maxHeading = 90
	// minHeadings is the number from which a convention is one.
	minHeadings = 2
	// tableOfContents is the number of headings without a text between them that make a table of
	// contents.
	tableOfContents = 4
)

// mark is a heading within a text.
type mark struct {
	at, head   int // its paragraph, and the bytes of its line
	label      string
	convention string
}

// parseCorpus cuts a text whose conventions are found out first.
func (t *Text) parseCorpus(part *material.Part, s Source) {
	t.Lines = prose.LongLines(s.Content)
	all := units(s.Content, t.Lines)
	marks := t.marks(s, all)
	kept := map[int]mark{}
	for _, m := range marks {
		kept[m.at] = m
	}
	for i, p := range all {
		m, ok := kept[i]
		for k, q := range sentencesOf(s.Content, p) {
			if k > 0 {
				m, ok = mark{}, false
			}
			t.add(part, q, m.label, m.head, ok && i > 0)
		}
	}
	t.place(part)
}

// sentencesOf cuts a paragraph that is longer than two pieces where sentences end; a table or a
// program it leaves whole.
func sentencesOf(text string, p paragraph) []paragraph {
	unit := text[p.start:p.end]
	if len(unit) <= 2*pieceBytes || strings.HasPrefix(unit, "|") || strings.Contains(unit, "```") {
		return []paragraph{p}
	}
	var all []paragraph
	start := p.start
	for _, end := range append(prose.Breaks(unit, pieceBytes), len(unit)) {
		all = append(all, paragraph{start, p.start + end})
		start = p.start + end
	}
	return all
}

// units are the paragraphs without gaps: blank lines belong to the one before.
func units(text string, lines bool) []paragraph {
	var all []paragraph
	for _, p := range prose.Paragraphs(text, lines) {
		if n := len(all); n > 0 {
			all[n-1].end = p.Start
		}
		all = append(all, paragraph{p.Start, len(text)})
	}
	if len(all) > 0 {
		all[0].start = 0
	}
	return all
}

// place tells the document where its sections begin; a text without headings may begin at any
// piece.
func (t *Text) place(part *material.Part) {
	for _, sec := range t.Sections {
		if len(sec.Pieces) > 0 {
			t.Document.Sections = append(t.Document.Sections, sec.Pieces[0].Index)
		}
	}
	if len(t.Document.Sections) == 1 {
		t.Document.Sections = nil
		for i := range part.Pieces {
			t.Document.Sections = append(t.Document.Sections, i)
		}
	}
}

// marks finds the headings by all conventions that the text keeps, and names those.
func (t *Text) marks(s Source, all []paragraph) []mark {
	conventions := []string{Chapters, Numerals, Numbered}
	if s.Markdown || len(markdownMarks(s.Content, all)) >= minHeadings {
		conventions = []string{Markdown}
	}
	var kept []string
	var found []mark
	for _, c := range conventions {
		var marks []mark
		if c == Markdown {
			marks = markdownMarks(s.Content, all)
		} else {
			marks = plainMarks(s.Content, all, c)
		}
		if c == Markdown || len(marks) >= minHeadings {
			kept, found = append(kept, c), append(found, marks...)
		}
	}
	t.Headings = strings.Join(kept, " ")
	if t.Headings == "" {
		t.Headings = "none"
	}
	return found
}

func markdownMarks(text string, all []paragraph) []mark {
	var marks []mark
	fenced := false
	for i, p := range all {
		unit := text[p.start:p.end]
		if !fenced {
			if label, head := markdownLabel(unit); label != "" {
				marks = append(marks, mark{i, head, label, Markdown})
			}
		}
		for line := range strings.Lines(unit) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
		}
	}
	return marks
}

// headingMarks stand around a heading and do not belong to it: hashes, and the marks of links to
// headings of web pages.
const headingMarks = "# ¶§"

func markdownLabel(unit string) (string, int) {
	if m := hashHeading.FindStringSubmatch(unit); m != nil {
		return strings.Join(strings.Fields(strings.Trim(m[1], headingMarks)),
			" "), len(strings.TrimRight(m[0], "\n"))
	}
	if m := underlined.FindStringSubmatch(unit); m != nil {
		return strings.Join(strings.Fields(m[1]), " "), len(m[1])
	}
	return "", 0
}

// plainMarks finds the headings of a convention of plain text, without those in a table of
// contents.
func plainMarks(text string, all []paragraph, convention string) []mark {
	var marks, run []mark
	numbers := newSequence()
	flush := func() {
		if len(run) < tableOfContents {
			marks = append(marks, run...)
		}
		run = nil
	}
	for i, p := range all {
		line, _, _ := strings.Cut(text[p.start:p.end], "\n")
		trimmed := strings.TrimSpace(line)
		if i == 0 {
			line = strings.TrimLeft(text[p.start:p.end], " \t\r\n\ufeff")
			line, _, _ = strings.Cut(line, "\n")
			trimmed = strings.TrimSpace(line)
		}
		alone := strings.TrimSpace(text[p.start:p.end]) == trimmed
		if utf8.RuneCountInString(trimmed) > maxHeading || !isHeading(trimmed, convention, alone) {
			flush()
			continue
		}
		if convention == Numbered && !numbers.next(trimmed) {
			return nil
		}
		head := strings.Index(text[p.start:p.end], trimmed) + len(trimmed)
		run = append(run, mark{i, head, strings.Join(strings.Fields(trimmed), " "), convention})
	}
	flush()
	if convention == Numbered && numbers.top < 3 {
		return nil
	}
	return marks
}

// isHeading reports whether a line keeps a convention. alone: it is its whole paragraph.
func isHeading(line, convention string, alone bool) bool {
	switch convention {
	case Chapters:
		return chapterLine.MatchString(line) || alone && partName.MatchString(line)
	case Numerals:
		return alone && numeralLine.MatchString(line)
	case Numbered:
		return alone && numberedLine.MatchString(line) && !strings.HasSuffix(line, ".") &&
			!strings.ContainsAny(line[len(line)-1:], ",;:?!")
	}
	return false
}

const numberWords = `(?i:the )?(?i:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|` +
	`thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|first|second|third|fourth|` +
	`fifth|sixth|seventh|eighth|ninth|tenth|last|premier|première|deuxième|second|seconde|troisième|` +
	`quatrième|cinquième|sixième|dernier|dernière|erstes|erster|erste|zweites|zweiter|zweite|drittes|` +
	`dritter|dritte|viertes|vierter|fünftes|fünfter|primero|primera|segundo|segunda|tercero|tercera|` +
	`cuarto|cuarta|quinto|quinta|перша|перший|друга|другий|третя|третій|четверта|четвертий)`

var (
	chapterLine = regexp.MustCompile(`^(?:(?:CHAPTER|Chapter|CHAP\.|Chap\.|BOOK|Book|PART|Part|VOLUME|` +
		`Volume|VOL\.|Vol\.|ACT|Act|SCENE|Scene|CANTO|Canto|LETTER|Letter|STAVE|Stave|APPENDIX|Appendix|` +
		`CHAPITRE|Chapitre|LIVRE|Livre|PARTIE|Partie|TOME|Tome|ACTE|Acte|SCÈNE|Scène|KAPITEL|Kapitel|` +
		`BUCH|Buch|TEIL|Teil|AKT|Akt|SZENE|Szene|AUFZUG|Aufzug|AUFTRITT|Auftritt|CAPÍTULO|Capítulo|` +
		`CAPITULO|LIBRO|Libro|PARTE|Parte|TOMO|Tomo|ACTO|Acto|ESCENA|Escena|РОЗДІЛ|Розділ|ГЛАВА|Глава|` +
		`ЧАСТИНА|Частина|КНИГА|Книга|ДІЯ|Дія)[ \t]+(?:[IVXLC]+|\d{1,3}|` + numberWords + `)` +
		`(?:[ \t]*[.:—–-].*)?` +
		`|第[ \t]?[一二三四五六七八九十百零〇\d]{1,6}[ \t]?[章回节節卷部篇](?:[ \t　:：].*)?)$`)
	partName = regexp.MustCompile(`^(?i:preface|prologue|epilogue|introduction|conclusion|foreword|` +
		`afterword|préface|avant-propos|épilogue|vorwort|nachwort|einleitung|prólogo|epílogo|передмова|` +
		`епілог|序言|前言|后记)\.?$`)
	numeralLine  = regexp.MustCompile(`^[IVXLC]+\.?$`)
	numberedLine = regexp.MustCompile(`^\d{1,2}(?:\.\d{1,2}){0,3}\.?[ \t]+[\p{Lu}\p{Han}][^\n]{1,70}$`)
)

// sequence follows the numbers of numbered headings.
type sequence struct{ top int }

func newSequence() *sequence { return &sequence{} }

// next takes the next heading and reports whether its number continues the sequence: the top number
// stays or grows by one.
func (q *sequence) next(line string) bool {
	digits, _, _ := strings.Cut(strings.Fields(line)[0], ".")
	n, err := strconv.Atoi(digits)
	if err != nil || n != q.top && n != q.top+1 {
		return false
	}
	deep := strings.Contains(strings.TrimSuffix(strings.Fields(line)[0], "."), ".")
	if !deep && n == q.top {
		return false // the same number twice
	}
	q.top = n
	return true
}

// Title is a heading without its number and the word before it; "" if nothing is left. For texts of
// the Go tree it is the heading.
func Title(label, headings string) string {
	switch {
	case headings == "":
		return label
	case numeralLine.MatchString(label):
		return ""
	case strings.Contains(headings, Chapters) && chapterLine.MatchString(label):
		i := strings.IndexAny(label, ".:—–- \t　")
		if i < 0 {
			return ""
		}
		if strings.HasPrefix(label, "第") {
			return strings.TrimLeft(label[i:], " \t　:：")
		}
		rest := strings.TrimLeft(label[i:], ". \t")
		if i = strings.IndexAny(rest, ".:—–-"); i < 0 {
			return ""
		}
		return strings.TrimLeft(rest[i:], ".:—–- \t")
	}
	if i := numberPrefix.FindStringIndex(label); i != nil {
		return strings.TrimLeft(label[i[1]-1:], " \t")
	}
	return label
}

// numberPrefix is a number or an appendix's letter before a title, with the space behind it and, of
// a letter alone, the title's first letter or digit.
var numberPrefix = regexp.MustCompile(
	`^(?:Appendix [A-Z]\.?|\d{1,3}(?:\.\d{1,3})*\.?|[IVXLC]+\.|[A-Z](?:\.\d{1,2})+\.?|[A-Z]\.?)[ \t]`)
