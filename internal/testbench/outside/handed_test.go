package outside

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// handed is the package of a clip whose log was cosigned by two witnesses and
// time-stamped.
type handed struct {
	witnessed
	tsa  *tsa
	dir  string // the package
	clip string
}

func newHanded(t *testing.T) handed {
	t.Helper()
	h := handed{witnessed: newWitnessed(t), tsa: newTSA(t), dir: filepath.Join(t.TempDir(), "package")}
	conf := fmt.Sprintf("witnesses: {policy: %s}\ntsa: [{name: bench, url: %q, roots: %s}]\n", h.policy, h.tsa.url, h.tsa.roots)
	if err := os.WriteFile(h.conf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	h.ingest("a clip to be handed over")
	out, err := h.run("--config", h.conf, "clips", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var first struct{ Clip string }
	line, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil || first.Clip == "" {
		t.Fatalf("%v: %s", err, out)
	}
	h.clip = first.Clip
	if out, err := h.run("--config", h.conf, "export", h.clip, "-o", h.dir, "--reason", "r", "--for", "f"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return h
}

// read gives a file of the package.
func (h handed) read(name string) []byte {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return data
}

// TestHandedOver: what leaves with a clip is accepted by the tools that are named in
// it and by torchwood, and by none of them once a bit of it is another.
func TestHandedOver(t *testing.T) {
	h := newHanded(t)
	t.Run("sha256sum", h.lists)
	t.Run("openssl ts", h.stamp)
	t.Run("spicy", h.spicy)
}

// lists has sha256sum compare the files of the package with its two lists.
func (h handed) lists(t *testing.T) {
	check := func(list string) error {
		cmd := exec.Command("sha256sum", "--check", "--strict", "--quiet", list)
		cmd.Dir = h.dir
		return cmd.Run()
	}
	for list, file := range map[string]string{
		"manifest-sha256.txt":    "data/" + h.clip + "/a.mp4",
		"tagmanifest-sha256.txt": "entries/" + h.clip + ".json",
	} {
		if err := check(list); err != nil {
			t.Errorf("%s: %v", list, err)
		}
		whole, path := h.read(file), filepath.Join(h.dir, file)
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		flip(t, path)
		if check(list) == nil {
			t.Errorf("%s: %s is accepted with a bit flipped", list, file)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// stamp has openssl check the time stamp over the checkpoint of the package.
func (h handed) stamp(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(h.dir, "log", "*.tsr"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%d time stamps, %v", len(names), err)
	}
	reply, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	note, dir := h.read("log/checkpoint"), t.TempDir()
	verify := func(note, reply []byte, roots string) bool {
		for name, data := range map[string][]byte{"note": note, "tsr": reply} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command("openssl", "ts", "-verify", "-in", filepath.Join(dir, "tsr"), "-data", filepath.Join(dir, "note"), "-CAfile", roots).CombinedOutput()
		if ok := bytes.Contains(out, []byte("Verification: OK")); ok != (err == nil) {
			t.Errorf("openssl says one thing and exits with another: %v, %s", err, out)
		}
		return err == nil
	}
	changed := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 1
		return data
	}
	if !verify(note, reply, h.tsa.roots) {
		t.Error("openssl does not accept the stamp")
	}
	for what, ok := range map[string]bool{
		"another checkpoint":     verify(changed(note, len(note)/2), reply, h.tsa.roots),
		"another line of others": verify(changed(note, len(note)-9), reply, h.tsa.roots),
		"another signature":      verify(note, changed(reply, len(reply)-3), h.tsa.roots),
		"another digest":         verify(note, changed(reply, bytes.Index(reply, []byte{4, 32})+9), h.tsa.roots),
		"another root":           verify(note, reply, newTSA(t).roots),
	} {
		if ok {
			t.Errorf("openssl accepts %s", what)
		}
	}
}

// spicy has torchwood's command check the proof of the clip's entry, which is under
// the cosigned checkpoint.
func (h handed) spicy(t *testing.T) {
	const format = "c2sp.org/tlog-proof@v1\n"
	entry := h.read("entries/" + h.clip + ".json")
	proof, ok := bytes.CutPrefix(h.read("proofs/"+h.clip+".tlog-proof"), []byte(format))
	if lines := bytes.Count(proof, []byte("\n— ")); !ok || lines != 3 {
		t.Fatalf("%d signatures in\n%s", lines, proof)
	}
	file := filepath.Join(t.TempDir(), "entry")
	verifies := func(entry, proof []byte) (bool, string) {
		for name, data := range map[string][]byte{file: entry, file + ".spicy": proof} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := tool(t, "spicy", "-verify", h.key, file)
		return err == nil && strings.Contains(out, "verified"), out
	}
	if ok, out := verifies(entry, proof); !ok {
		t.Errorf("refused: %s", out)
	}
	// The log's own line comes first; of it a digit in the middle.
	own := bytes.Index(proof, []byte("\n— ")) + 3
	own += bytes.IndexByte(proof[own:], ' ') + 40
	bad := bytes.Clone(proof)
	if bad[own]++; bad[own] == '{' || bad[own] == '[' || bad[own] == ':' || bad[own] == '0' {
		bad[own] = 'A'
	}
	for what, pair := range map[string][2][]byte{
		"another entry":     {bytes.Replace(entry, []byte(`"v":1`), []byte(`"v":2`), 1), proof},
		"another signature": {entry, bad},
		"another root":      {entry, bytes.Replace(proof, []byte("="), []byte("A="), 1)},
		"another index":     {entry, bytes.Replace(proof, []byte("index "), []byte("index 1"), 1)},
	} {
		if ok, out := verifies(pair[0], pair[1]); ok {
			t.Errorf("%s is accepted: %s", what, out)
		}
	}
}
