package bundle_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// long is a clip of more than one buffer.
var long = strings.Repeat("a second of film. ", 60_000)

// withSM3 is a package of a clip whose entry has an SM3, of one whose entry has none,
// and of a file that was made from the first.
func withSM3(t testing.TB) (l *verifytest.Log, dir string) {
	t.Helper()
	l = verifytest.New(t, t.TempDir())
	a := l.ClipWith("a.MP4", long, manifest.Object{"sm3": verifytest.SM3(long)})
	b := l.Clip("b.MP4", "from before SM3 was on")
	made := l.Entry(l.ClipWith("unused", "redacted", nil)).Fields
	l.About(a, "clip.derived", manifest.Object{
		"kind": "redacted", "sha256": made.Str("sha256"), "size": int64(len("redacted")), "sm3": verifytest.SM3("redacted"),
	}, map[string]any{"name": "r.MP4"})
	l.Publish()
	dir = filepath.Join(t.TempDir(), "p")
	if err := bundle.Write(context.Background(), options(l, dir, []string{l.ClipName(a), l.ClipName(b)})); err != nil {
		t.Fatal(err)
	}
	return l, dir
}

// The list of SM3 is of every file below data/, as openssl makes it, and both
// verifiers compare the entries that have one.
func TestSM3(t *testing.T) {
	l, dir := withSM3(t)
	cmd := exec.Command("bash", "-ec", `openssl dgst -sm3 -r data/*/* | sed 's/ \*/  /' | LC_ALL=C sort -k 2`)
	cmd.Dir = dir
	want, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "manifest-sm3.txt"))
	if d := cmp.Diff(string(want), string(got)); d != "" || err != nil || strings.Count(string(got), "\n") != 3 {
		t.Error(d, err)
	}
	compared := map[string]string{}
	report, err := verify.File(context.Background(), verify.Options{Key: l.Key}, dir, func(r verify.Result) error {
		compared[r.Clip] = r.SM3
		return nil
	})
	all := map[string]string{"dk3v9q-0": verifytest.SM3(long), "dk3v9q-1": "", "dk3v9q-3": verifytest.SM3("redacted")}
	if d := cmp.Diff(all, compared); d != "" || err != nil || report.SM3 != 2 {
		t.Error(d, err, report.SM3)
	}
	if out, code := script(t, tools(t), dir, l.Key); code != 0 || !strings.Contains(out, "\nsm3: clips 2, as their entries say\n") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// withoutSM3 are the tools of verify.sh with an openssl that has no SM3.
func withoutSM3(t testing.TB) string {
	t.Helper()
	bin := tools(t)
	openssl := filepath.Join(bin, "openssl")
	whole, err := os.Readlink(openssl)
	if err == nil {
		err = os.Remove(openssl)
	}
	if err == nil {
		err = os.WriteFile(openssl, []byte("#!"+filepath.Join(bin, "bash")+"\n[[ $1 != dgst ]] && exec "+whole+" \"$@\"\n"), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// An openssl without SM3 proves the rest, and it is said; what the list says of a
// file is compared with the entry all the same.
func TestOpenSSLWithoutSM3(t *testing.T) {
	l, dir := withSM3(t)
	bin := withoutSM3(t)
	const told = "note: this openssl has no SM3, so no SM3 of a file was computed\n"
	if out, code := script(t, bin, dir, l.Key); code != 0 || strings.Count(out, told) != 1 || strings.Contains(out, "sm3: clips") {
		t.Errorf("exit %d: %s", code, out)
	}
	list := filepath.Join(dir, "manifest-sm3.txt")
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	put(t, list, []byte(strings.Replace(string(text), verifytest.SM3(long), verifytest.SM3("other"), 1)))
	forge(t, dir)
	if out, code := script(t, bin, dir, l.Key); code != 11 || !strings.Contains(out, "another SM3 than clip dk3v9q-0") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestAnyByteWithSM3(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	l.ClipWith("a.MP4", "a clip", manifest.Object{"sm3": verifytest.SM3("a clip")})
	l.Publish()
	dir := filepath.Join(t.TempDir(), "p")
	if err := bundle.Write(context.Background(), options(l, dir, []string{"dk3v9q-0"})); err != nil {
		t.Fatal(err)
	}
	anyByte(t, dir, l.Key)
}

// Lists that fit again, as anyone can make them: each is held against the files.
func TestForgedSM3(t *testing.T) {
	change := func(old, now string) func(string) string {
		return func(list string) string { return strings.Replace(list, old, now, 1) }
	}
	for name, c := range map[string]struct {
		list func(string) string
		file string
	}{
		"digest":        {change(verifytest.SM3(long), verifytest.SM3("other")), "data/dk3v9q-0/a.MP4"},
		"of no entry":   {change(verifytest.SM3("from before SM3 was on"), verifytest.SM3("other")), "data/dk3v9q-1/b.MP4"},
		"file left":     {func(list string) string { return list[strings.Index(list, "\n")+1:] }, "data/dk3v9q-0/a.MP4"},
		"file invented": {func(list string) string { return list + verifytest.SM3("") + "  data/dk3v9q-9/x\n" }, "manifest-sm3.txt"},
		"other form":    {change("  ", " *"), "manifest-sm3.txt"},
		"empty":         {func(string) string { return "" }, "data/dk3v9q-1/b.MP4"},
	} {
		t.Run(name, func(t *testing.T) {
			l, dir := withSM3(t)
			path := filepath.Join(dir, "manifest-sm3.txt")
			list, err := os.ReadFile(path)
			if err != nil || c.list(string(list)) == string(list) {
				t.Fatal(err, string(list))
			}
			put(t, path, []byte(c.list(string(list))))
			forge(t, dir)
			if got, err := verifyDir(dir, l.Key); !errors.Is(err, verify.ErrMismatch) || got[c.file] != "problem" {
				t.Error(got, err)
			}
			if out, code := script(t, tools(t), dir, l.Key); code != 11 || !strings.Contains(out, "differs from manifest-sm3.txt") {
				t.Errorf("exit %d: %s", code, out)
			}
		})
	}
}

// A package without the list, from before there was one, is checked by its entries.
func TestSM3WithoutList(t *testing.T) {
	l, dir := withSM3(t)
	if err := os.Remove(filepath.Join(dir, "manifest-sm3.txt")); err != nil {
		t.Fatal(err)
	}
	forge(t, dir)
	report, err := verify.File(context.Background(), verify.Options{Key: l.Key}, dir, nil)
	if err != nil || report.SM3 != 2 {
		t.Error(report.SM3, err)
	}
	if out, code := script(t, tools(t), dir, l.Key); code != 0 || !strings.Contains(out, "sm3: clips 2,") {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code := script(t, withoutSM3(t), dir, l.Key); code != 0 || !strings.Contains(out, "no SM3 of a file was computed") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// An entry whose SM3 is not that of its object: nothing leaves by it, and a package
// that has it all the same is refused.
func TestWrongSM3(t *testing.T) {
	for name, said := range map[string]any{
		"other": verifytest.SM3("other"), "upper case": strings.ToUpper(verifytest.SM3("a clip")), "empty": "", "words": "é", "number": int64(7), "object": manifest.Object{},
	} {
		t.Run(name, func(t *testing.T) {
			l := verifytest.New(t, t.TempDir())
			good := l.Clip("a.MP4", "a clip")
			bad := l.Append("clip.ingested", manifest.Object{"sha256": l.Entry(good).Fields.Str("sha256"), "size": int64(6), "sm3": said}, nil)
			l.Publish()
			o := options(l, filepath.Join(t.TempDir(), "p"), []string{l.ClipName(bad)})
			err := bundle.Write(context.Background(), o)
			if !errors.Is(err, verify.ErrMismatch) || !strings.Contains(err.Error(), "dk3v9q-1: its object has another SM3 than its entry says") || exists(o.Dir) {
				t.Error(err)
			}
			o.Clips = []string{l.ClipName(good)}
			if err := bundle.Write(context.Background(), o); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(filepath.Join(o.Dir, "data", l.ClipName(bad)), os.DirFS(filepath.Join(o.Dir, "data", l.ClipName(good)))); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(o.Dir, "entries", l.ClipName(bad)+".json"), l.Entry(bad).Raw)
			put(t, filepath.Join(o.Dir, "proofs", l.ClipName(bad)+".tlog-proof"), l.Proof(bad))
			forge(t, o.Dir)
			_, err = verify.File(context.Background(), verify.Options{Key: l.Key}, o.Dir, nil)
			if !errors.Is(err, verify.ErrMismatch) || !strings.Contains(err.Error(), "dk3v9q-1: mismatch: data/dk3v9q-1/a.MP4 has another SM3") {
				t.Error(err)
			}
			if out, code := script(t, tools(t), o.Dir, l.Key); code != 11 || !strings.Contains(out, "SM3") {
				t.Errorf("exit %d: %s", code, out)
			}
		})
	}
}
