package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// FuzzRecord: whatever the records of a clip say, the certificate is a page with
// nothing in it that runs or is fetched, and the package proves.
func FuzzRecord(f *testing.F) {
	f.Add("DCIM/0001.MP4", `{"place":{"text":"x","lat":31.2,"lon":121.4},"times":[{"source":"media","raw":"r"}]}`)
	f.Add("<script>", `{"cases":["<img src=x>"],"collectors":[{"person":"</table>"}]}`)
	f.Add("a\u202eb", `{"from_ms":-1,"to_ms":9223372036854775807}`)
	f.Add("", `[]`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, path, tags string) {
		l := verifytest.New(t, t.TempDir())
		digest := l.Entry(l.Clip("unused", "content")).Fields.Str("sha256")
		clip := l.Append("clip.ingested", manifest.Object{"sha256": digest, "size": int64(7), "role": "main"}, map[string]any{
			"path": strings.ToValidUTF8(path, "?"), "tags": said(tags), "media": map[string]any{"make": path},
		})
		l.About(clip, "clip.tagged", nil, map[string]any{"tags": said(tags), "reason": path})
		l.Publish()
		o := Options{Store: l.Memory(), Key: l.Key, Clips: []string{l.ClipName(clip)}, Dir: filepath.Join(dir, "p")}
		defer func() { _ = os.RemoveAll(o.Dir) }()
		err := verifytest.Bounded(t, "export", func() error { return Write(context.Background(), o) })
		if err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(filepath.Join(o.Dir, "certificate.html"))
		if err != nil {
			t.Fatal(err)
		}
		if low := bytes.ToLower(page); !utf8.Valid(page) || bytes.Contains(low, []byte("<script")) || bytes.Contains(low, []byte("<img src=x")) ||
			bytes.Contains(page, []byte("\u202e")) {
			t.Errorf("the certificate holds what it must not: %q, %q", path, tags)
		}
		if _, err := verify.File(context.Background(), verify.Options{Key: l.Key}, o.Dir, nil); err != nil {
			t.Error(err)
		}
	})
}

// said is the JSON that s is, else s.
func said(s string) any {
	if json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	return s
}
