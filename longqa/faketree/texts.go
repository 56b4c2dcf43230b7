package faketree

import (
	"fmt"
	"strings"
)

// Text is a small text for tests.
type Text struct {
	ID, Title, Language, Content string
	Markdown                     bool
}

// vocabulary are words of which sentences are made, by language.
var vocabulary = map[string][]string{
	"en": strings.Fields("the old gardener slowly carried amber lanterns beyond several quiet orchards " +
		"while distant travellers watched narrow rivers follow golden valleys toward morning harbours"),
	"de": strings.Fields("der alte Gärtner trug langsam helle Laternen hinter stille Gärten während " +
		"ferne Reisende schmale Flüsse durch goldene Täler zum Hafen ziehen sahen"),
	"fr": strings.Fields("le vieux jardinier portait lentement des lanternes claires derrière les vergers " +
		"tranquilles pendant que des voyageurs regardaient couler une rivière étroite"),
	"es": strings.Fields("el viejo jardinero llevaba despacio faroles claros detrás de los huertos " +
		"tranquilos mientras unos viajeros miraban correr un río estrecho hacia el puerto"),
	"uk": strings.Fields("старий садівник повільно носив ясні ліхтарі за тихі сади поки далекі подорожні " +
		"дивилися як вузька річка тече золотими долинами до ранкової гавані"),
	"zh": strings.Fields("蝴蝶 玻璃 葡萄 橄榄 琵琶 蜘蛛 骆驼 珊瑚 蜻蜓 玫瑰 咖啡 柠檬 沙滩 书桌 门窗 红叶"),
	"ja": strings.Fields("古い 庭師は ゆっくり 明るい 提灯を 静かな 果樹の 後ろへ 運び 旅人が 遠くの 河川と " +
		"黄金の 谷間を 眺め 港町"),
}

// seldom are Chinese words that few sentences have.
var seldom = strings.Fields("麒麟 凤凰 鹦鹉 鸳鸯 蚂蚁 饕餮 葫芦 芙蓉 翡翠 琥珀 玛瑙 珍珠 钻石 磁铁 乌鸦 喜鹊 老虎 刺猬 " +
	"蟋蟀 蚯蚓 蝙蝠 袋鼠 企鹅 海豚 鲸鱼 螃蟹 龙虾 鳄雀 犀牛 狐狸")

// spaceless reports whether a language is written without spaces.
func spaceless(language string) bool { return language == "zh" || language == "ja" }

// sentence is a sentence that no other number gives.
func sentence(language string, n int) string {
	words := vocabulary[language]
	if spaceless(language) {
		var b strings.Builder
		b.WriteString(seldom[n%len(seldom)])
		for i := range 12 {
			b.WriteString(words[(n*7+i*i*5+i*(n%11))%len(words)])
		}
		for range 5 {
			b.WriteString(words[n%len(words)])
			n /= len(words)
		}
		return b.String() + "。"
	}
	parts := make([]string, 12)
	for i := range parts {
		parts[i] = words[(n*5+i*i*3+i*(n%13))%len(words)]
	}
	first := []rune(parts[0])
	parts[0] = strings.ToUpper(string(first[:1])) + string(first[1:])
	return fmt.Sprintf("%s %s.", strings.Join(parts, " "), number(words, n))
}

// number spells a number in letters, so that it is part of no other.
func number(words []string, n int) string {
	var b strings.Builder
	for range 3 {
		b.WriteString(words[n%len(words)])
		n /= len(words)
	}
	return b.String()
}

// chapterHeads are the first lines of chapters.
var chapterHeads = map[string]string{
	"en": "CHAPTER %d. Of the %s", "de": "Kapitel %d: Vom %s", "fr": "Chapitre %d. Sur %s",
	"es": "Capítulo %d. Sobre %s", "uk": "Розділ %d. Про %s", "zh": "第%d章 灯%s",
	"ja": "第%d章 灯%s",
}

// Novel is a book with chapters.
func Novel(language string, seed, chapters int) Text {
	var b strings.Builder
	for c := range chapters {
		topic := vocabulary[language][c] + strings.ToLower(vocabulary[language][c+1])
		fmt.Fprintf(&b, chapterHeads[language]+"\n\n", c+1, topic)
		for p := range 12 {
			for k := range 4 {
				b.WriteString(sentence(language, seed*100_000+c*100+p*4+k))
				if !spaceless(language) {
					b.WriteByte(' ')
				}
			}
			b.WriteString("\n\n")
		}
	}
	return Text{
		ID: fmt.Sprintf("novel-%s-%d", language, seed), Title: fmt.Sprintf("A novel %s%d", language,
			seed),
		Language: language, Content: b.String(),
	}
}

// Minutes is the transcript of a meeting.
func Minutes(seed int) Text {
	var b strings.Builder
	for i := range 90 {
		who := []string{"Chair", "Project Manager", "Marketing", "Dr. Low"}[(i*7+i/3)%4]
		fmt.Fprintf(&b, "%s: %s %s\n\n", who, sentence("en", seed*10_000+i*2),
			sentence("en", seed*10_000+i*2+1))
	}
	return Text{ID: fmt.Sprintf("minutes-%d", seed), Title: fmt.Sprintf("Meeting %d", seed),
		Language: "en",
		Content:  b.String()}
}

// Paper is an article in Markdown with a table and numbered references.
func Paper(seed int) Text {
	var b strings.Builder
	fmt.Fprintf(&b, "# A paper about lantern %d\n\n", seed)
	for c, head := range strings.Fields("Introduction Related Method Data Results Discussion Limits Outlook") {
		fmt.Fprintf(&b, "## %s\n\n", head)
		for p := range 4 {
			for k := range 3 {
				b.WriteString(sentence("en", 7_000_000+seed*1000+c*20+p*3+k) + " ")
			}
			b.WriteString("\n\n")
		}
		if head == "Discussion" {
			for r := range 8 {
				s := sentence("en", 8_000_000+seed*1000+r)
				fmt.Fprintf(&b, "%s [%d].\n\n", strings.TrimSuffix(s, "."), r+1)
			}
		}
		if head == "Results" {
			b.WriteString("| System | Score | Time |\n|---|---:|---:|\n")
			for r := range 6 {
				fmt.Fprintf(&b, "| lamp-%c%d | %d.%d | %d s |\n", 'a'+r, seed, 50+r*seed%40, r, 100+r)
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("## References\n\n")
	for r := range 8 {
		fmt.Fprintf(&b, "[%d] A. Author%c and B. Writer. %s Journal of Lamps, %d.\n\n", r+1, 'a'+r,
			sentence("en", 9_000_000+seed*50+r), 1990+r)
	}
	return Text{ID: fmt.Sprintf("paper-%d", seed), Title: fmt.Sprintf("Paper %d", seed),
		Language: "en",
		Content:  b.String(), Markdown: true}
}

// Story is a story in English with direct speech.
func Story(seed int) Text {
	var b strings.Builder
	for i := range 60 {
		name := []string{"Mr. Low", "Anna", "Captain Grey", "Tom Ashby"}[i%4]
		s := sentence("en", 5_000_000+seed*1000+i*2)
		fmt.Fprintf(&b, "“%s,” said %s, and went on.\n\n%s\n\n", strings.TrimSuffix(s, "."), name,
			sentence("en", 5_000_000+seed*1000+i*2+1))
	}
	return Text{ID: fmt.Sprintf("story-%d", seed), Title: fmt.Sprintf("Story %d", seed),
		Language: "en",
		Content:  b.String()}
}

// Texts are texts of every kind and language.
func Texts() []Text {
	var all []Text
	for i, l := range []string{"en", "de", "fr", "es", "uk", "zh", "ja"} {
		all = append(all, Novel(l, 2*i, 12), Novel(l, 2*i+1, 12))
	}
	for i := range 6 {
		all = append(all, Minutes(i), Paper(i), Story(i))
	}
	return all
}
