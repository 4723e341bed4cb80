package outside

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFsck: Tessera's fsck reads all of a log and computes its root anew. Its
// exit code is 0 whatever it finds, so what counts is the line it says of success.
func TestFsck(t *testing.T) {
	e := given(t)
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(e.key), 0o600); err != nil {
		t.Fatal(err)
	}
	passes := func(dir string) (bool, string) {
		out, err := tool(t, "fsck", "-ui=false", "-logtostderr", "-N", "4", "-public_key", keyFile, "-storage_url", "file://"+dir+"/")
		return err == nil && strings.Contains(out, "Successfully fsck'd log with size "), out
	}
	whole := e.published(t)
	if ok, out := passes(whole); !ok {
		t.Fatalf("fsck does not accept the log:\n%s", out)
	}
	for _, part := range needed(t, whole) {
		dir := e.published(t)
		flip(t, filepath.Join(dir, part))
		if ok, out := passes(dir); ok {
			t.Errorf("fsck accepts the log with a bit flipped in %s:\n%s", part, out)
		}
	}
}

// needed are the files of a log that its newest checkpoint calls for, relative
// to it: partial tiles of earlier checkpoints stay in a store and prove nothing.
func needed(t *testing.T, dir string) []string {
	t.Helper()
	widest := map[string]string{} // tile to its widest part
	var out []string
	for _, path := range parts(t, dir) {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		tile, width, partial := strings.Cut(name, ".p/")
		if !partial {
			out = append(out, name)
			continue
		}
		_, old, _ := strings.Cut(widest[tile], ".p/")
		if len(width) > len(old) || len(width) == len(old) && width > old {
			widest[tile] = name
		}
	}
	for tile, name := range widest {
		if _, err := os.Stat(filepath.Join(dir, tile)); err != nil { // no full one took its place
			out = append(out, name)
		}
	}
	return out
}
