package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shellWord is what a shell takes as it is.
var shellWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellQuote writes s so that bash reads it back as one word, whatever it
// holds, and a terminal shows it and does nothing else with it.
func shellQuote(s string) string {
	if shellWord.MatchString(s) {
		return s
	}
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// commandLine is a command a person can run as it stands, on the same dock.
func (a *app) commandLine(command string) string {
	words := []string{"custodock"}
	for _, f := range []struct{ name, value string }{{"--config", a.flags.config}, {"--state", a.flags.state}} {
		if f.value != "" {
			words = append(words, f.name, shellQuote(f.value))
		}
	}
	for _, s := range a.flags.stores {
		words = append(words, "--store", shellQuote(s))
	}
	return strings.Join(append(words, command), " ")
}
