package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
)

// TestRestoredState: a state from before the last publishing must not sign.
func TestRestoredState(t *testing.T) {
	o := testOptions(t)
	central := "file://" + filepath.Join(t.TempDir(), "archive")
	o.Config.Stores = append(o.Config.Stores, storeAt(central))
	s := openStation(t, o)
	cam := t.TempDir()
	testbench.Clips(t, cam, 2, 1000, 1)
	take(t, s, cam, clip.Tags{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(o.State)); err != nil {
		t.Fatal(err)
	}
	s = openStation(t, o)
	more := t.TempDir()
	later := testbench.Clips(t, more, 2, 1000, 2)
	take(t, s, more, clip.Tags{})
	size := s.ledger.Size()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.State = backup
	if err := os.Chmod(filepath.Join(backup, "key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), o); !errors.Is(err, manifest.ErrForked) {
		t.Fatalf("a restored state signs on: %v", err)
	}
	if _, err := Recover(context.Background(), o, RecoverOptions{}); err != nil {
		t.Fatalf("recover: %v", err)
	}
	s = openStation(t, o)
	if s.ledger.Size() <= size {
		t.Errorf("adopted log has %d entries, the published one %d", s.ledger.Size(), size)
	}
	sum, results := take(t, s, more, clip.Tags{})
	if sum.Known != 2 || results[later[0].Name].SHA256 != later[0].SHA256 {
		t.Errorf("clips of the adopted log: %+v", sum)
	}
}

// TestReinstalledDock: a new dock may not continue a log whose key it lacks.
func TestReinstalledDock(t *testing.T) {
	o := testOptions(t)
	o.Config.Stores = append(o.Config.Stores, storeAt("file://"+filepath.Join(t.TempDir(), "archive")))
	s := openStation(t, o)
	cam := t.TempDir()
	testbench.Clips(t, cam, 1, 1000, 1)
	take(t, s, cam, clip.Tags{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.State = filepath.Join(t.TempDir(), "fresh")
	if _, err := Init(context.Background(), o); !errors.Is(err, manifest.ErrForked) {
		t.Fatalf("init took the log over: %v", err)
	}
	vkey, err := Recover(context.Background(), o, RecoverOptions{New: true, Old: o.Config.Log})
	if err != nil {
		t.Fatalf("start a linked log: %v", err)
	}
	if strings.Contains(vkey, "/"+o.Config.Log+"+") {
		t.Errorf("the linked log has the old name: %s", vkey)
	}
	o.Config.Log = ""
	s = openStation(t, o)
	raw, err := s.Entry(context.Background(), "2")
	if err != nil || !strings.Contains(string(raw), `"origin":"test.example/dtest1"`) {
		t.Errorf("link entry: %s, %v", raw, err)
	}
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 1 {
		t.Errorf("the linked log takes clips: %+v", sum)
	}
}

// archived ingests one camera into a dock whose store lies outside its state,
// and closes the dock.
func archived(t *testing.T) (Options, string) {
	t.Helper()
	o := testOptions(t)
	o.Config.Stores = append(o.Config.Stores, storeAt("file://"+filepath.Join(t.TempDir(), "archive")))
	s := openStation(t, o)
	cam := t.TempDir()
	testbench.Clips(t, cam, 1, 1000, 1)
	take(t, s, cam, clip.Tags{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return o, cam
}

// TestDiskDeadKeyKept: with the key from its backup, a new dock goes on with
// the published log.
func TestDiskDeadKeyKept(t *testing.T) {
	o, cam := archived(t)
	key, err := os.ReadFile(filepath.Join(o.State, "key"))
	if err != nil {
		t.Fatal(err)
	}
	o.State = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.State, "key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(context.Background(), o); !errors.Is(err, manifest.ErrForked) {
		t.Fatalf("init signs a second beginning: %v", err)
	}
	if _, err := Recover(context.Background(), o, RecoverOptions{}); err != nil {
		t.Fatalf("recover: %v", err)
	}
	s := openStation(t, o)
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Known != 1 {
		t.Errorf("the clips of the log are not known: %+v", sum)
	}
}

// TestKeyLost: a state whose key is gone is set aside whole, and a linked log
// begins.
func TestKeyLost(t *testing.T) {
	o, cam := archived(t)
	if err := os.Remove(filepath.Join(o.State, "key")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), o); err == nil || !strings.Contains(err.Error(), "read signing key of log dtest1: ") ||
		!strings.HasSuffix(err.Error(), "log recover --new") {
		t.Fatalf("open says %v", err)
	}
	old := o.Config.Log
	if _, err := Recover(context.Background(), o, RecoverOptions{New: true}); err != nil {
		t.Fatalf("start a linked log: %v", err)
	}
	if !isFile(filepath.Join(o.State, "ended", old, "state.db")) {
		t.Error("the old state was not kept")
	}
	o.Config.Log = ""
	s := openStation(t, o)
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 1 {
		t.Errorf("the linked log takes clips: %+v", sum)
	}
}

// TestRefusedInit leaves nothing behind that would stop the next one.
func TestRefusedInit(t *testing.T) {
	o, _ := archived(t)
	o.State = filepath.Join(t.TempDir(), "fresh")
	if _, err := Init(context.Background(), o); !errors.Is(err, manifest.ErrForked) {
		t.Fatalf("init: %v", err)
	}
	o.Config.Log = "dother"
	if _, err := Init(context.Background(), o); err != nil {
		t.Errorf("under another name: %v", err)
	}
}

// TestKeyWithoutLog: a key that was there before signs no new beginning while
// no store can tell what it signed already.
func TestKeyWithoutLog(t *testing.T) {
	o, _ := archived(t)
	if err := os.Remove(filepath.Join(o.State, "state.db")); err != nil {
		t.Fatal(err)
	}
	url, _ := away(t)
	o.Config.Stores = []configs.Store{storeAt(url)}
	if _, err := Open(context.Background(), o); err == nil || !strings.Contains(err.Error(), "connect a store") {
		t.Errorf("opened: %v", err)
	}
}
