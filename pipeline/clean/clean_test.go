package clean

import (
	"reflect"
	"strings"
	"testing"
)

func TestMasks(t *testing.T) {
	c, err := New(nil, []string{"email", "ip"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"write to jane.doe+x@mail.example.co.uk, please.": "write to <email>, please.",
		"<a@b.org>; (c_d@e-f.net)":                        "<<email>>; (<email>)",
		"a@b.org,c@d.org":                                 "<email>,<email>",
		"no @ here, @twitter, foo@bar, x@y.z, a@b..org":   "no @ here, @twitter, foo@bar, x@y.z, a@b..org",
		"go get example.com/pkg@v1.2.3":                   "go get example.com/pkg@v1.2.3",
		".@b.org ü@b.org":                                 ".@b.org ü@b.org",
		"host 93.184.216.34:443 up.":                      "host <ip>:443 up.",
		"from 8.8.8.8. Then":                              "from <ip>. Then",
		"local 127.0.0.1 10.1.2.3 192.168.0.1 0.0.0.0":    "local 127.0.0.1 10.1.2.3 192.168.0.1 0.0.0.0",
		"section 1.2.3 and 1.2.3.4.5 and 300.1.1.1":       "section 1.2.3 and 1.2.3.4.5 and 300.1.1.1",
		"v6 2606:2800:220:1:248:1893:25c8:1946 fe80::1":   "v6 <ip> fe80::1",
		"at 12:30:45 a::b std::cafe 2001:db8::1":          "at 12:30:45 a::b std::cafe 2001:db8::1",
		"x8.8.8.8 8.8.8.8_y":                              "x8.8.8.8 8.8.8.8_y",
		"":                                                "",
		"@":                                               "@",
	} {
		if got, _ := c.Apply(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	_, changes := c.Apply("a@b.org 8.8.8.8 c@d.org")
	if want := map[string]int{"email": 2, "ip": 1}; !reflect.DeepEqual(changes, want) {
		t.Errorf("changes %v, want %v", changes, want)
	}
}

func TestGutenberg(t *testing.T) {
	c, err := New([]string{"gutenberg"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	book := "CHAPTER I\n\nIt was a dark night.\n\nTHE END\n"
	for name, text := range map[string]string{
		"new": "The Project Gutenberg eBook of X\n\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\n" +
			book + "\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n\nUpdated editions will replace",
		"old": "Project Gutenberg Etext\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n" +
			book + "\n\nEnd of the Project Gutenberg Etext of X\n",
		"two lines": "Gutenberg\n*** START OF THIS PROJECT GUTENBERG EBOOK A LONG\nTITLE ***\n" + book +
			"\nEnd of Project Gutenberg's A Long Title\n",
	} {
		if got, _ := c.Apply(text); got != book {
			t.Errorf("%s: got %q, want %q", name, got, book)
		}
	}
	other := "A history of printing: Gutenberg and *** his time.\n"
	if got, changes := c.Apply(other); got != other || changes != nil {
		t.Errorf("got %q, %v", got, changes)
	}
}

func TestBanners(t *testing.T) {
	c, err := New([]string{"banners"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := "Title\nThis site uses cookies to improve your visit.\nThe monster ate cookies.\n" +
		"Accept all cookies\n© 2020 Example Ltd. All rights reserved.\n" +
		"Cookies are small files; this long article explains how the web site uses cookies.\n" +
		"Privacy Policy | Terms of Service | Contact\nSubscribe to our newsletter!\nThe end"
	want := "Title\nThe monster ate cookies.\n" +
		"Cookies are small files; this long article explains how the web site uses cookies.\nThe end"
	got, changes := c.Apply(text)
	if got != want || changes["banners"] != 5 {
		t.Errorf("got %q (%v), want %q", got, changes, want)
	}
	long := "We use cookies " + strings.Repeat("and sugar ", 40)
	if got, _ := c.Apply(long); got != long {
		t.Error("a paragraph is taken for a banner")
	}
}

// TestContract runs every cleaner twice: the second time there is nothing left to change.
func TestContract(t *testing.T) {
	text := "Gutenberg\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\nWe use cookies.\n" +
		"me@example.org at 8.8.8.8 said so.\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n"
	for _, k := range kinds {
		once, n := k.clean(text)
		if n == 0 || once == text {
			t.Errorf("%s changes nothing", k.name)
		}
		if again, n := k.clean(once); n != 0 || again != once {
			t.Errorf("%s changes its own result: %q", k.name, again)
		}
		for _, plain := range []string{"", "\n", "A plain text.\n", "ünïcödé\n\n"} {
			if got, n := k.clean(plain); got != plain || n != 0 {
				t.Errorf("%s changes %q to %q", k.name, plain, got)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	err := Validate([]string{"email", "soap"}, []string{"ip", "phone"})
	for _, want := range []string{`cleaner "email"`, `cleaner "soap"`, `mask "phone"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func BenchmarkClean(b *testing.B) {
	c, err := New([]string{"gutenberg", "banners"}, []string{"email", "ip"})
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("It was the best of times, it was the worst of times; it was 1789.\n", 20_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		c.Apply(text)
	}
}
