package profile

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
)

// glob is a compiled glob, see the package comment.
type glob struct {
	base bool
	re   *regexp.Regexp
}

func compileGlob(pattern string) (glob, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString(`(?:.*/)?`)
			i += 3
		case strings.HasPrefix(rest, "**"):
			b.WriteString(`.*`)
			i += 2
		case rest[0] == '*':
			b.WriteString(`[^/]*`)
			i++
		case rest[0] == '?':
			b.WriteString(`[^/]`)
			i++
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 2 || strings.ContainsAny(rest[1:end], `\^[/`) {
				return glob{}, fmt.Errorf("glob %q has a malformed [class]; write one such as [0-9]", pattern)
			}
			b.WriteString(rest[:end+1])
			i += end + 1
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
			i++
		}
	}
	if pattern == "" || strings.HasPrefix(pattern, "/") {
		return glob{}, fmt.Errorf("glob %q; write one relative to the device's root", pattern)
	}
	re, err := compileWhole(b.String())
	if err != nil {
		return glob{}, fmt.Errorf("glob %q is malformed; use plain letters, *, ?, [a-z] and **", pattern)
	}
	return glob{base: !strings.Contains(pattern, "/"), re: re}, nil
}

func (g glob) match(path string) bool {
	if g.base {
		path = tail(path, 1)
	}
	return g.re.MatchString(path)
}

// tail returns the last n elements of a path.
func tail(path string, n int) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			if n--; n == 0 {
				return path[i+1:]
			}
		}
	}
	return path
}

func compileGlobs(d *configs.Document, at string, patterns []string) ([]glob, error) {
	var out []glob
	for i, p := range patterns {
		g, err := compileGlob(p)
		if err != nil {
			return nil, d.Errorf(fmt.Sprintf("%s.%d", at, i), "%v", err)
		}
		out = append(out, g)
	}
	return out, nil
}

// roleTable finds a role: globs first, then extensions, which are most of them.
type roleTable struct {
	globs []roleGlob
	exts  map[string]clip.Role
}

type roleGlob struct {
	glob
	role clip.Role
}

func compileRoles(d *configs.Document, r Roles) (roleTable, error) {
	t := roleTable{exts: map[string]clip.Role{}}
	for _, rule := range r.rules() {
		for i, p := range rule.globs {
			at := fmt.Sprintf("roles.%s.%d", rule.role, i)
			if ext, ok := strings.CutPrefix(p, "*."); ok && ext != "" && !strings.ContainsAny(ext, "*?[/.") {
				ext = strings.ToLower(ext)
				if other, ok := t.exts[ext]; ok {
					return t, d.Errorf(at, "%q is %s already; give a file one role", p, other)
				}
				t.exts[ext] = rule.role
				continue
			}
			g, err := compileGlob(p)
			if err != nil {
				return t, d.Errorf(at, "%v", err)
			}
			t.globs = append(t.globs, roleGlob{g, rule.role})
		}
	}
	return t, nil
}

func (t roleTable) find(path string) (clip.Role, bool) {
	for _, g := range t.globs {
		if g.match(path) {
			return g.role, true
		}
	}
	base := tail(path, 1)
	dot := strings.LastIndexByte(base, '.')
	if dot < 0 {
		return "", false
	}
	role, ok := t.exts[strings.ToLower(base[dot+1:])]
	return role, ok
}
