package licence

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// fileName is the name of a file that holds terms.
var fileName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-.].*)?$`)

// IsFile reports whether a file of this name, without its folder, holds the terms of what lies beside
// it.
func IsFile(name string) bool {
	return fileName.MatchString(name) && !strings.HasSuffix(name, ".go")
}

// leastCovered is the part of a licence file, in percent, that must be known text.
const leastCovered = 75

// Identify returns the SPDX identifiers of the licences that a file is the text of, or says why there
// are none.
func Identify(name string, data []byte) (ids []string, why string) {
	c := licensecheck.Scan(data)
	if c.Percent < leastCovered {
		return nil, fmt.Sprintf("%s is %.0f %% text of known licences", name, c.Percent)
	}
	for _, m := range c.Match {
		if !m.IsURL && !slices.Contains(ids, m.ID) {
			ids = append(ids, m.ID)
		}
	}
	if len(ids) == 0 {
		return nil, name + " holds no text of a known licence"
	}
	slices.Sort(ids)
	return ids, ""
}

// All returns the SPDX expression of licences that hold together: each once, sorted.
func All(expressions []string) string {
	unique := slices.Compact(slices.Sorted(slices.Values(expressions)))
	if len(unique) > 1 {
		for i, e := range unique {
			if strings.Contains(e, " OR ") {
				unique[i] = "(" + e + ")"
			}
		}
	}
	return strings.Join(unique, " AND ")
}

// pattern is the form of an SPDX licence expression (SPDX 3.0, annex B), parentheses apart.
var pattern = regexp.MustCompile(`^[A-Za-z0-9.:+-]+( (AND|OR|WITH) [A-Za-z0-9.:+-]+)*$`)

// IsExpression reports whether s has the form of an SPDX licence expression.
func IsExpression(s string) bool {
	return pattern.MatchString(strings.NewReplacer("(", "", ")", "").Replace(s))
}
