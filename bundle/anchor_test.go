package bundle

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// reply is the reply of a time-stamp authority over data.
func reply(t testing.TB, a *testbench.TSA, data []byte) []byte {
	t.Helper()
	request, err := stamp.NewRequest(data, "")
	if err != nil {
		t.Fatal(err)
	}
	query, err := request.DER()
	if err != nil {
		t.Fatal(err)
	}
	return a.Reply(query, "")
}

// cosigned is a checkpoint of the log with a witness's line.
func cosigned(t testing.TB, l *verifytest.Log, size int64) []byte {
	t.Helper()
	skey, _, err := note.GenerateKey(nil, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	msg := l.Checkpoint(size)
	text, _, _ := strings.Cut(string(msg), "\n\n")
	other, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(other), "\n\n")
	return append(msg, line...)
}

func TestAnchor(t *testing.T) {
	l, tsa := verifytest.New(t, t.TempDir()), testbench.NewTSA(t, 400)
	a := l.Clip("a.mp4", "content")
	exported := l.About(a, "clip.exported", nil, map[string]any{"reason": "r", "for": "f"})
	for range 300 {
		l.Append("docking.closed", nil, nil)
	}
	l.Publish()
	at := func(size string) string { return manifest.LogPath(verifytest.Name, "checkpoints/"+size) }
	early, plain, both := l.Checkpoint(exported), l.Checkpoint(5), cosigned(t, l, 290)
	l.Write(at("1"), early) // covers the clip and not its export
	l.Write(at("1.tsr"), reply(t, tsa, early))
	l.Write(at("5"), plain)
	l.Write(at("5.tsr"), reply(t, tsa, plain))
	l.Write(at("7"), []byte("no checkpoint"))
	l.Write(at("290"), both)
	l.Write(at("290.tsr"), reply(t, tsa, both))
	l.Write(at("290.second.tsr"), reply(t, tsa, []byte("other bytes")))

	dir := filepath.Join(t.TempDir(), "p")
	o := Options{Store: l.Memory(), Key: l.Key, Clips: []string{l.ClipName(a)}, Dir: dir}
	if err := Write(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "log/checkpoint"))
	if err != nil || string(got) != string(both) {
		t.Errorf("%s, %v", got, err)
	}
	if found, err := filepath.Glob(filepath.Join(dir, "log/*.tsr")); err != nil || len(found) != 1 {
		t.Error(found, err)
	}
	if report, err := verify.File(context.Background(), verify.Options{Key: l.Key}, dir, nil); err != nil || report.Size != 290 || report.Stamps != 1 {
		t.Error(report, err)
	}
	for name, good := range map[string]bool{tsa.Roots: true, testbench.NewTSA(t, 400).Roots: false} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		roots, err := stamp.ParseRoots(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = verify.File(context.Background(), verify.Options{Key: l.Key, Roots: roots}, dir, nil)
		if (err == nil) != good || !good && !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("with the roots of the authority that stamped, %v: %v", good, err)
		}
	}

	// Signed, and of another history: the log was forked.
	fork := l.Fork(t.TempDir())
	for range 299 {
		fork.Append("docking.closed", nil, nil)
	}
	l.Write(at("299"), cosigned(t, fork, 299))
	o.Store, o.Dir = l.Memory(), filepath.Join(t.TempDir(), "p")
	if err := Write(context.Background(), o); !errors.Is(err, verify.ErrMismatch) || !strings.Contains(err.Error(), "forked") {
		t.Error(err)
	}
}
