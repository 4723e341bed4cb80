package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/configs"
)

// TestTheGuideIsTrue makes the profile of docs/profiles.md and holds it against
// the listing and the table there.
func TestTheGuideIsTrue(t *testing.T) {
	b, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	block := func(kind string) string {
		m := regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(doc, -1)
		if len(m) != 1 {
			t.Fatalf("%d blocks of %s, want 1", len(m), kind)
		}
		return m[0][1]
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "k2.yaml"), []byte(block("yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(configs.Devices(), dir)
	if err != nil {
		t.Fatal(err)
	}
	paths := strings.Fields(block("text"))
	p := s.Match(paths, "NO NAME", "1d6b:0104")
	if p.Name != "k2" {
		t.Fatalf("its files are taken for those of %s", p.Name)
	}
	var got, want []string
	for _, path := range paths {
		f := p.Classify(path)
		part, kept := "", "no"
		if f.Recording != nil {
			part = fmt.Sprintf("%d of %s", f.Recording.Part, f.Recording.ID)
		}
		if f.Protected {
			kept = "yes"
		}
		got = append(got, strings.Join([]string{"`" + path + "`", string(f.Role), f.Device, f.Time.Raw, part, kept}, "|"))
		if f.Time.Raw != "" && f.At.IsZero() {
			t.Errorf("%s: time %s is none", path, f.Time.Raw)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[A-Z].*) \\|$").FindAllStringSubmatch(doc, -1) {
		cells := strings.Split(row[1], "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		want = append(want, strings.Join(cells, "|"))
	}
	if d := cmp.Diff(want, got); d != "" || len(got) != 6 {
		t.Errorf("the table (-guide +program):\n%s", d)
	}
	for text, id := range map[string]string{"FW=1.2\r\nSN=K2A0004417\r\n": "K2A0004417", "SN=0000000000\n": ""} {
		found := ""
		for _, rule := range p.IDFiles() {
			if rule.Match("SYSTEM/DEVICE.INI") {
				found = rule.Find([]byte(text))
			}
		}
		if found != id {
			t.Errorf("%q holds id %q, want %q", text, found, id)
		}
	}
}

// TestTheGuideHasEveryKey: what a profile may say stands in the guide.
func TestTheGuideHasEveryKey(t *testing.T) {
	b, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	_, err = parse("x.yaml", []byte("name: x\nno_such_key: 1\n"))
	_, list, found := strings.Cut(fmt.Sprint(err), "known here: ")
	if !found {
		t.Fatalf("keys are not told: %v", err)
	}
	for key := range strings.SplitSeq(list, ", ") {
		if !strings.Contains(string(b), "| `"+key) {
			t.Errorf("the guide does not explain %q", key)
		}
	}
}
