package outside

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
)

// witnessed is a dock of its own whose configuration names both witnesses.
type witnessed struct {
	evidence
	t            *testing.T
	conf, policy string // files
	text         string // of the policy
}

func newWitnessed(t *testing.T) witnessed {
	t.Helper()
	dir := t.TempDir()
	d := witnessed{t: t, evidence: evidence{dock: given(t).dock, base: filepath.Join(dir, "state")}, conf: filepath.Join(dir, "conf.yaml"), policy: filepath.Join(dir, "policy")}
	key, err := d.run("init")
	if err != nil {
		t.Fatal(err)
	}
	d.key = strings.TrimSpace(key)
	lite, liteURL := litewitness(t, d.key)
	own, ownURL := ours(t, d.evidence)
	d.text = fmt.Sprintf("log %s\nwitness lite %s %s\nwitness ours %s %s\ngroup both all lite ours\nquorum both\n", d.key, lite, liteURL, own, ownURL)
	if err := os.WriteFile(d.policy, []byte(d.text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.conf, []byte("witnesses: {policy: "+d.policy+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// ingest takes one clip in.
func (d witnessed) ingest(content string) {
	d.t.Helper()
	camera := d.t.TempDir()
	if err := os.WriteFile(filepath.Join(camera, "a.mp4"), []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.run("--config", d.conf, "ingest", camera); err != nil {
		d.t.Fatal(err)
	}
}

// TestDockIsWitnessed: a dock that takes a camera in has its log cosigned by
// torchwood's witness and ours, and shows it; verify accepts it by the policy that
// torchwood reads too.
func TestDockIsWitnessed(t *testing.T) {
	d := newWitnessed(t)
	d.ingest("one")
	d.ingest("two")
	p, err := torchwood.ParsePolicy([]byte(d.text))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(d.base, "central/log/*/checkpoints/*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		msg, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, n, err := torchwood.VerifyCheckpoint(msg, p); err != nil || len(n.Sigs) != 3 {
			t.Errorf("%v:\n%s", err, msg)
		}
	}
	out, err := exec.Command(d.dock, "verify", "--key", d.key, "--from", filepath.Join(d.base, "central"), "--policy", d.policy).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("Cosigned as the policy wants")) {
		t.Errorf("%v: %s", err, out)
	}
	// Without one of the lines the newest is refused, and the witness named.
	newest := files[1]
	if len(files[0]) > len(newest) || len(files[0]) == len(newest) && files[0] > newest {
		newest = files[0]
	}
	msg, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(msg), "\n")
	if err := errors.Join(os.Chmod(newest, 0o600), os.WriteFile(newest, []byte(strings.Join(lines[:6], "")), 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(d.dock, "verify", "--key", d.key, "--from", filepath.Join(d.base, "central"), "--policy", d.policy)
	out, err = cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 4 || !bytes.Contains(out, []byte(`"ours" did not cosign, "lite" did`)) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestClonedDock: a copy of the dock's disk that goes on by itself, with a store of
// its own, is found by the witnesses and named on the dock that comes second. Its
// clips are taken in all the same.
func TestClonedDock(t *testing.T) {
	d := newWitnessed(t)
	d.ingest("before")
	clone := d
	clone.base = filepath.Join(t.TempDir(), "clone")
	if out, err := exec.Command("cp", "-a", d.base, clone.base).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d.ingest("by day")
	clone.ingest("by night")
	out, err := clone.run("--config", d.conf, "status")
	if err != nil || strings.Count(out, "has seen another history of this log") < 2 {
		t.Errorf("%v: %s", err, out)
	}
	out, err = d.run("--config", d.conf, "status")
	if err != nil || strings.Contains(out, "another history") || !strings.Contains(out, "entries cosigned") {
		t.Errorf("%v: %s", err, out)
	}
	// What the clone added is there and cosigned by nobody.
	var report struct {
		Summary struct{ Size, Cosigned, OK int64 }
	}
	summary, err := exec.Command(d.dock, "--json", "verify", "--key", d.key, "--from", filepath.Join(clone.base, "central"), "--policy", d.policy).Output()
	lines := bytes.Split(bytes.TrimSpace(summary), []byte("\n"))
	if jsonErr := json.Unmarshal(lines[len(lines)-1], &report); err != nil || jsonErr != nil {
		t.Fatalf("%v, %v: %s", err, jsonErr, summary)
	}
	if s := report.Summary; s.OK != 2 || s.Cosigned == 0 || s.Cosigned >= s.Size-2 {
		t.Errorf("%+v", s)
	}
}
