// Package licence decides by SPDX expression which documents may be used.
package licence

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/github/go-spdx/v2/spdxexp"
)

// Reason is why documents are dropped by a Gate.
const Reason = "licence"

// Gate lets documents through by their licence. The zero Gate lets all through. It may be used
// concurrently.
type Gate struct {
	allow, deny []string
	known       sync.Map // expression -> verdict
}

type verdict struct{ problem string }

// New returns a gate. Both lists hold SPDX identifiers, as CC-BY-4.0, or patterns of them, as GPL-*,
// without regard to case; deny goes before allow, and an empty allow lets all through that is not
// denied.
func New(allow, deny []string) (*Gate, error) {
	var errs []error
	for _, p := range slices.Concat(allow, deny) {
		if err := checkPattern(p); err != nil {
			errs = append(errs, err)
		}
	}
	return &Gate{allow: allow, deny: deny}, errors.Join(errs...)
}

// checkPattern refuses what can match no licence, as a misspelt identifier.
func checkPattern(p string) error {
	if _, err := path.Match(p, ""); err != nil || p == "" {
		return fmt.Errorf("licence pattern %q: not an SPDX identifier or a pattern of one", p)
	}
	if strings.ContainsAny(p, "*?[") || strings.HasPrefix(p, "LicenseRef-") ||
		strings.HasPrefix(p, "DocumentRef-") {
		return nil
	}
	if ok, _ := spdxexp.ValidateLicenses([]string{p}); !ok || strings.Contains(p, " ") {
		return fmt.Errorf("licence %q is not on the SPDX list; take an identifier of it, as CC-BY-4.0, or "+
			"a pattern, as GPL-*", p)
	}
	return nil
}

// Empty reports a gate that lets all through.
func (g *Gate) Empty() bool { return len(g.allow)+len(g.deny) == 0 }

// Config is what the outcome depends on.
func (g *Gate) Config() map[string]any {
	return map[string]any{"allow": g.allow, "deny": g.deny}
}

// Check returns why a document with this licence may not be used; empty: it may. Of alternatives (OR)
// one must be let through, of licences that hold together (AND) all, and an exception (WITH) belongs
// to its licence. An expression that cannot be read is not let through.
func (g *Gate) Check(expression string) (problem string) {
	if g.Empty() {
		return ""
	}
	if v, ok := g.known.Load(expression); ok {
		return v.(verdict).problem
	}
	problem = g.judge(expression)
	g.known.Store(expression, verdict{problem})
	return problem
}

func (g *Gate) judge(expression string) string {
	ids, err := spdxexp.ExtractLicenses(expression)
	if err != nil {
		return fmt.Sprintf("%q is no SPDX expression that can be judged", expression)
	}
	var passed []string
	for _, id := range ids {
		if g.passes(id) {
			passed = append(passed, id)
		}
	}
	if len(passed) > 0 {
		if ok, err := spdxexp.Satisfies(expression, passed); err == nil && ok {
			return ""
		}
	}
	return expression
}

// passes judges one identifier, with its exception if it has one.
func (g *Gate) passes(id string) bool {
	return !matches(g.deny, id) && (len(g.allow) == 0 || matches(g.allow, id))
}

// matches compares with the whole of an identifier and with its licence alone, without its exception
// and the sign for later versions.
func matches(patterns []string, id string) bool {
	id = strings.ToLower(id)
	alone, _, _ := strings.Cut(id, " with ")
	plain := strings.TrimSuffix(alone, "+")
	for _, p := range patterns {
		p = strings.ToLower(p)
		for _, s := range []string{id, alone, plain} {
			if ok, _ := path.Match(p, s); ok {
				return true
			}
		}
	}
	return false
}
