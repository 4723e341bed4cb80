package message

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var verb = regexp.MustCompile(`%(?:%|[-+# 0]*\d*(?:\.\d+)?[a-zA-Z])`)

func TestLanguagesMatch(t *testing.T) {
	for _, pair := range []struct {
		from, to         map[string]string
		fromName, toName string
	}{{english, chinese, English, Chinese}, {chinese, english, Chinese, English}} {
		for key, format := range pair.from {
			other, ok := pair.to[key]
			if !ok {
				t.Errorf("%s has %q, %s has not", pair.fromName, key, pair.toName)
				continue
			}
			if d := cmp.Diff(verb.FindAllString(format, -1), verb.FindAllString(other, -1)); d != "" {
				t.Errorf("%q takes other values in %s than in %s:\n%s", key, pair.fromName, pair.toName, d)
			}
		}
	}
}

func TestChineseIsChinese(t *testing.T) {
	same := []string{"other", "show.sha256", "show.sm3", "colon", "erase.and"}
	for key, s := range chinese {
		if !slices.ContainsFunc([]rune(s), func(r rune) bool { return unicode.Is(unicode.Han, r) }) && !slices.Contains(same, key) {
			t.Errorf("%q is not translated: %q", key, s)
		}
	}
}

func TestFormsComeInPairs(t *testing.T) {
	for key := range english {
		for _, pair := range [][2]string{{".one", ".many"}, {".many", ".one"}} {
			if base, ok := strings.CutSuffix(key, pair[0]); ok && !Has(base+pair[1]) {
				t.Errorf("%q stands alone", key)
			}
		}
	}
}

// TestEveryKeyInTheCodeExists reads the callers' sources, because a missing key
// shows only when its sentence is first needed.
func TestEveryKeyInTheCodeExists(t *testing.T) {
	call := regexp.MustCompile(`(?:message\.T\([^,()]+(?:\(\))?, |message\.N\([^,()]+(?:\(\))?, |\bsay\(|\bsayN\(|\{\{-? ?(?:t|n) )"([a-z0-9_.]+)"`)
	found := 0
	for _, dir := range []string{"../../console", "../../cmd"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || (filepath.Ext(path) != ".go" && filepath.Ext(path) != ".html") {
				return err
			}
			b, err := os.ReadFile(path)
			for _, m := range call.FindAllStringSubmatch(string(b), -1) {
				found++
				if !Has(m[1]) && !Has(m[1]+".one") && !begins(m[1]) {
					t.Errorf("%s asks for %q", path, m[1])
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 20 {
		t.Errorf("only %d keys found in the code: the pattern no longer fits it", found)
	}
}

// begins reports whether key is the part of keys that stands in the code, the
// rest being a state or a code.
func begins(key string) bool {
	for k := range english {
		if strings.HasSuffix(key, ".") && strings.HasPrefix(k, key) {
			return true
		}
	}
	return false
}

func TestPick(t *testing.T) {
	for _, c := range []struct {
		name  string
		env   map[string]string
		asked []string
		want  string
	}{
		{"nothing", nil, nil, English},
		{"flag first", map[string]string{"LANG": "en_US.UTF-8"}, []string{"zh", "en"}, Chinese},
		{"config next", map[string]string{"LANG": "zh_CN.UTF-8"}, []string{"", "en"}, English},
		{"LANG", map[string]string{"LANG": "zh_CN.UTF-8"}, []string{"", ""}, Chinese},
		{"LC_ALL before LANG", map[string]string{"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, nil, English},
		{"another language", map[string]string{"LANG": "de_DE.UTF-8"}, nil, English},
	} {
		if got := Pick(func(k string) string { return c.env[k] }, c.asked...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAccept(t *testing.T) {
	for header, want := range map[string]string{
		"":                                   "",
		"zh-CN,zh;q=0.9,en;q=0.8":            Chinese,
		"en-US,en;q=0.5":                     English,
		"fr, en;q=0.3, zh-Hant;q=0.7":        Chinese,
		"fr":                                 "",
		"zh;q=0, en;q=0.1":                   English,
		"zhx":                                "",
		strings.Repeat("a,", 5000) + "zh":    Chinese,
		"en ; q=banana":                      "",
		"\x00\xff,;;;=,zh;q=1e400,en;q=0.01": English,
	} {
		if got := Accept(header); got != want {
			t.Errorf("Accept(%.40q) = %q, want %q", header, got, want)
		}
	}
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"DCIM/0001.mp4":  "DCIM/0001.mp4",
		"记录/甲 1.mp4":     "记录/甲 1.mp4",
		"":               `""`,
		" a":             `" a"`,
		"a\x1b[2Jb":      `"a\x1b[2Jb"`,
		"a\u202egpj.exe": `"a\u202egpj.exe"`,
		"\u2066a":        `"\u2066a"`,
		"a\nb":           `"a\nb"`,
		"\xff":           `"\xff"`,
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) = %s, want %s", in, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"plain", "a\x1b]52;c;x\x07", "\u202e", "\xff\xfe", "汉字", "\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{Line(s), Safe(s)} {
			for _, r := range out {
				if !unicode.IsPrint(r) {
					t.Errorf("%q became %q, which does not print", s, out)
				}
			}
		}
	})
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 4_294_967_296: "4.3 GB",
		9_223_372_036_854_775_807: "9.2 EB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
}
