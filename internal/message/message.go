// Package message holds every sentence custodock says to a person, in English
// and in Chinese. Log lines, JSON and the manifest are not translated.
package message

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The languages.
const (
	English = "en"
	Chinese = "zh"
)

// english and chinese are all sentences, by key.
var (
	english = join(englishBase, englishErase, englishReceipt, englishKeys, englishStamp, englishWitness, englishPackage, englishCertificate, englishAudit)
	chinese = join(chineseBase, chineseErase, chineseReceipt, chineseKeys, chineseStamp, chineseWitness, chinesePackage, chineseCertificate, chineseAudit)
)

func join(tables ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// T returns the sentence for key with args put in. A key that is missing shows
// itself, which the tests of this package rule out for keys in the code.
func T(lang, key string, args ...any) string {
	format, ok := table(lang)[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

// N is T with the count n as the first argument, in the form the language has
// for one ("key.one") or for other numbers ("key.many").
func N(lang, key string, n int, args ...any) string {
	form := ".many"
	if n == 1 {
		form = ".one"
	}
	return T(lang, key+form, append([]any{n}, args...)...)
}

// Has reports whether key has a sentence.
func Has(key string) bool {
	_, ok := english[key]
	return ok
}

func table(lang string) map[string]string {
	if lang == Chinese {
		return chinese
	}
	return english
}

// Pick chooses the language: the first of asked (flag, configuration) that is
// one, else what LC_ALL, LC_MESSAGES and LANG say (locale(7)), else English.
func Pick(env func(string) string, asked ...string) string {
	for _, a := range asked {
		if a == English || a == Chinese {
			return a
		}
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			if strings.HasPrefix(strings.ToLower(v), Chinese) {
				return Chinese
			}
			return English
		}
	}
	return English
}

// Accept chooses the language a browser likes best (RFC 9110, section 12.5.4),
// or "" when it names neither.
func Accept(header string) string {
	best, bestQ := "", 0.0
	for part := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		lang, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if lang != English && lang != Chinese {
			continue
		}
		q := 1.0
		if v, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				continue
			}
			q = f
		}
		if q > bestQ {
			best, bestQ = lang, q
		}
	}
	return best
}

// Safe returns s as it is when every rune of it prints as itself, else quoted
// with Go escapes: a name from a device may hold anything, and what reaches a
// screen must not move its cursor or turn its text around.
func Safe(s string) string {
	if s == "" || strings.TrimSpace(s) != s || !utf8.ValidString(s) {
		return strconv.Quote(s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}

// Line is Safe for a sentence: what does not print is escaped in place, and
// nothing is quoted.
func Line(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// Size writes bytes in decimal units, as disks are sold.
func Size(n int64) string {
	const unit = 1000
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, i := float64(n)/unit, 0
	for ; f >= 999.95 && i < 5; i++ {
		f /= unit
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + string("kMGTPE"[i]) + "B"
}
