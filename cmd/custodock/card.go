package main

import (
	"fmt"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
)

// cardWidth is that of a page in a terminal or a printer, in columns.
const cardWidth = 80

// printCard writes what people compare, sign and keep when a key is made. It is
// in both languages at once: who signs it need not speak that of who checks it.
func (a *app) printCard(vkey string) error {
	words, digest, err := manifest.Fingerprint(vkey)
	if err != nil {
		return errKeyForm
	}
	code, err := qrCode(vkey)
	if err != nil {
		return fmt.Errorf("draw key card: %w", err)
	}
	name := vkey[:strings.IndexByte(vkey, '+')]
	if a.flags.json {
		return a.printJSON(map[string]any{"name": name, "key": vkey, "words": words, "fingerprint": fmt.Sprintf("%x", digest)})
	}
	rule := strings.Repeat("=", cardWidth)
	lines := []string{rule, twice("card.title"), "", twice("card."+keyKind(name)) + ":", "  " + message.Line(name), "", twice("card.key") + ":"}
	for rest := message.Line(vkey); rest != ""; {
		n := min(len(rest), cardWidth-4)
		lines = append(lines, "  "+rest[:n])
		rest = rest[n:]
	}
	lines = append(lines, "", twice("card.words")+":")
	for i := 0; i < len(words); i += 4 {
		line := fmt.Sprintf("  %x  ", digest[i:i+4])
		for _, w := range words[i : i+4] {
			line += runewidth.FillRight(w, 14)
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	lines = append(lines, "", strings.TrimRight(code, "\n"), "", twice("card.say"), "", blank("card.date", "card.place"), "")
	for range 2 {
		lines = append(lines, "", blank("card.name", "card.signature"))
	}
	lines = append(lines, rule)
	_, err = fmt.Fprintln(a.out, strings.Join(lines, "\n"))
	return err
}

// twice says the same in both languages, on one line where there is room.
func twice(key string) string {
	english, chinese := message.T(message.English, key), message.T(message.Chinese, key)
	if runewidth.StringWidth(english+" / "+chinese) <= cardWidth {
		return english + " / " + chinese
	}
	return english + "\n" + chinese
}

// blank is a line to be filled in by hand: two things, one behind the other.
func blank(first, second string) string {
	left := twice(first) + " "
	left += strings.Repeat("_", 38-runewidth.StringWidth(left)) + "  "
	right := twice(second) + " "
	return left + right + strings.Repeat("_", cardWidth-runewidth.StringWidth(left+right))
}

// keyKind is what a key with that name is of, as far as the name tells.
func keyKind(name string) string {
	if _, _, ok := manifest.SplitOrigin(name); ok {
		return "dock"
	}
	return "issuer"
}
