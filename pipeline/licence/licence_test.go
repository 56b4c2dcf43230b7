package licence

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		allow, deny, licence string
		want                 bool
	}{
		{"", "", "whatever", true},
		{"", "GPL-*", "MIT", true},
		{"", "GPL-*", "GPL-3.0-only", false},
		{"", "GPL-*", "gpl-2.0-or-later", false},
		{"", "GPL-*", "LGPL-2.1-only", true},
		{"", "GPL-*", "MIT OR GPL-3.0-only", true},
		{"", "GPL-*", "MIT AND GPL-3.0-only", false},
		{"", "GPL-*", "(MIT OR GPL-3.0-only) AND Apache-2.0", true},
		{"", "GPL-*", "GPL-2.0-only WITH Classpath-exception-2.0", false},
		{"", "GPL-*,Apache-2.0", "(MIT OR GPL-3.0-only) AND Apache-2.0", false},
		{"", "*-NC-*", "CC-BY-NC-SA-4.0", false},
		{"", "*-NC-*", "CC-BY-SA-4.0", true},
		{"MIT,BSD-*", "", "BSD-3-Clause", true},
		{"MIT,BSD-*", "", "Apache-2.0", false},
		{"MIT,BSD-*", "", "MIT AND BSD-2-Clause", true},
		{"MIT,BSD-*", "", "MIT AND Apache-2.0", false},
		{"MIT,BSD-*", "", "Apache-2.0 OR BSD-2-Clause", true},
		{"*", "MIT", "MIT", false},
		{"GPL-2.0-only", "", "GPL-2.0-only WITH Classpath-exception-2.0", true},
		{"", "MIT", "do as you like", false},
		{"", "MIT", "", false},
		{"", "MIT", "LicenseRef-house", true},
		{"LicenseRef-house", "", "LicenseRef-house", true},
		{"CC0-1.0", "", "LicenseRef-house", false},
	} {
		g, err := New(split(c.allow), split(c.deny))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time from memory
			if problem := g.Check(c.licence); (problem == "") != c.want {
				t.Errorf("allow %q, deny %q: %q gives %q, want it through: %v", c.allow, c.deny, c.licence,
					problem, c.want)
			}
		}
	}
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func TestNew(t *testing.T) {
	_, err := New([]string{"MIT", "MTI"}, []string{"GPL-[", "", "GPL*"})
	for _, want := range []string{`"MTI"`, `"GPL-["`, `""`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if strings.Contains(err.Error(), `"MIT"`) || strings.Contains(err.Error(), `"GPL*"`) {
		t.Errorf("got %v", err)
	}
}
