package ingest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogEndsTwice: a state that came back from a backup is set aside beside what was
// set aside before, and an attempt that was broken off goes on in its folder.
func TestLogEndsTwice(t *testing.T) {
	o, _ := archived(t)
	old := o.Config.Log
	backup := filepath.Join(t.TempDir(), "backup")
	okay(t, os.CopyFS(backup, os.DirFS(o.State)))
	end := func(want string) {
		t.Helper()
		if _, err := Recover(context.Background(), o, RecoverOptions{New: true, Old: old}); err != nil {
			t.Fatalf("start a linked log: %v", err)
		}
		for _, name := range []string{"key", "spool", "state.db"} {
			if !isFile(filepath.Join(o.State, "ended", want, name)) {
				t.Errorf("no %s under ended/%s", name, want)
			}
		}
	}
	restore := func() {
		t.Helper()
		for _, name := range []string{"key", "spool", "state.db"} {
			okay(t, os.RemoveAll(filepath.Join(o.State, name)))
		}
		okay(t, os.RemoveAll(filepath.Join(o.State, "back")), os.CopyFS(filepath.Join(o.State, "back"), os.DirFS(backup)))
		for _, name := range []string{"key", "spool", "state.db"} {
			okay(t, os.Rename(filepath.Join(o.State, "back", name), filepath.Join(o.State, name)))
		}
		okay(t, os.Chmod(filepath.Join(o.State, "key"), 0o600))
	}
	end(old)
	mark := filepath.Join(o.State, "ended", old, "state.db")
	first, err := os.ReadFile(mark)
	okay(t, err)
	o.Config.Log = ""
	restore()
	end(old + "-2")
	if again, err := os.ReadFile(mark); err != nil || string(again) != string(first) {
		t.Errorf("what was set aside first has changed: %v", err)
	}

	// Broken off behind the key.
	restore()
	third := filepath.Join(o.State, "ended", old+"-3")
	okay(t, os.MkdirAll(third, 0o700))
	okay(t, os.Rename(filepath.Join(o.State, "key"), filepath.Join(third, "key")))
	end(old + "-3")
}

// TestCredentialRemembered: a command outside the service does not see the credential,
// and begins no second log beside it unless somebody says that it is gone.
func TestCredentialRemembered(t *testing.T) {
	o, _ := archived(t)
	o.Credentials = t.TempDir()
	okay(t, os.Rename(filepath.Join(o.State, "key"), filepath.Join(o.Credentials, CredentialName)))
	okay(t, openStation(t, o).Close())
	o.Credentials = ""
	_, err := Recover(context.Background(), o, RecoverOptions{New: true})
	if err == nil || !strings.Contains(err.Error(), "--credential-removed") {
		t.Fatalf("the service would go on with the old key: %v", err)
	}
	if isFile(filepath.Join(o.State, "ended")) {
		t.Error("something was set aside")
	}
	if _, err := Recover(context.Background(), o, RecoverOptions{New: true, CredentialRemoved: true}); err != nil {
		t.Fatal(err)
	}
	o.Config.Log = ""
	okay(t, openStation(t, o).Close())
	if hadCredential(o.State) {
		t.Error("the new key is a file, and is taken for a credential")
	}
}
