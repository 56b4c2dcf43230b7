package charset

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, in, want, problem string }{
		{"", "plain \x00 é", "plain \x00 é", ""}, {"auto", "\xef\xbb\xbfé", "é", ""},
		{"AUTO", "\xff\xfe=\xd8\x00\xde", "😀", ""},
		{"", "\xfe\xff\x00A", "A", ""}, {"", "\xff\xfe\x00\x00A\x00\x00\x00", "A", ""},
		{"", "\x00\x00\xfe\xff\x00\x01\xf6\x00", "😀", ""}, {"", "\xff\xfe", "", ""}, {"", "", "", ""},
		{"", "caf\xe9", "", "byte 0xe9 at 3 is not UTF-8; name the encoding, as --encoding windows-1252"},
		{"", "\xef\xbb\xbfa\xff", "", "byte 0xff at 4"}, {"utf8", "\xff", "", "byte 0xff at 0"},
		{"", "\xff\xfea\x00=\xd8b\x00", "", "not UTF-16, which its byte order mark says: line 1, after \"a\""},
		{"", "\xff\xfea\x00b", "", "not UTF-16"}, {"", "\xff\xfe\x00\x00A\x00", "", "not UTF-32"},
		{"latin1", "caf\xe9 \x80", "café €", ""}, {"iso-8859-2", "\xb1", "ą", ""},
		{"Shift_JIS", "\x93\xfa\x96{", "日本", ""}, {"shift_jis", "ok\n\xfc\xfc", "", "line 2"},
		{"gb18030", "\xc4\xe3\xba\xc3", "你好", ""}, {"koi8-r", "\xd0\xd2\xc9\xd7\xc5\xd4", "привет", ""},
		{"utf-16be", "\x00A", "A", ""}, {"IBM437", "\x80", "Ç", ""}, {"latin1", "\xef\xbb\xbfé", "é", ""},
		{"big5", "\xa7A\xa6n", "你好", ""}, {"euc-kr", "\xbe\xc8", "안", ""},
	} {
		set, err := Find(c.name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := set.Decode([]byte(c.in))
		if c.problem == "" && (err != nil || got != c.want) {
			t.Errorf("%s %q: got %q, %v, want %q", c.name, c.in, got, err, c.want)
		}
		if c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%s %q: got %q, %v, want the problem %q", c.name, c.in, got, err, c.problem)
		}
	}
	for _, name := range []string{"klingon", "utf-9", "hz-gb-2312", " "} {
		if set, err := Find(name); err == nil {
			t.Errorf("%q is %s", name, set.Name())
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"", "utf-16", "shift_jis", "gb18030", "iso-2022-jp", "euc-kr", "big5"} {
		f.Add(name, []byte("\xff\xfeA\x00"))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		set, err := Find(name)
		if err != nil {
			return
		}
		if text, err := set.Decode(data); err == nil && !utf8.ValidString(text) {
			t.Errorf("%s: %q is no UTF-8", name, text)
		}
	})
}
