package ingest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/testbench"
)

// TestCredential: a key that the service manager hands over signs, in the place
// of the one in the state, and cannot be changed from here.
func TestCredential(t *testing.T) {
	o, cam := archived(t)
	key, err := os.ReadFile(filepath.Join(o.State, "key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(o.State, "key")); err != nil {
		t.Fatal(err)
	}
	o.Credentials = t.TempDir()
	path := filepath.Join(o.Credentials, CredentialName)
	if _, err := Open(context.Background(), o); err == nil {
		t.Fatal("it signs without any key")
	}
	if err := os.WriteFile(path, key, 0o440); err != nil {
		t.Fatal(err)
	}
	s := openStation(t, o)
	more := t.TempDir()
	testbench.Clips(t, more, 1, 1000, 7)
	if sum, _ := take(t, s, more, clip.Tags{}); sum.Stored != 1 {
		t.Errorf("%+v", sum)
	}
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Known != 1 {
		t.Errorf("it is another log: %+v", sum)
	}
	found, err := s.Doctor(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		if c.Code == "key" && (!c.OK || c.Args[0] != "credential custodock.key") {
			t.Errorf("%+v", c)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if isFile(filepath.Join(o.State, "key")) {
		t.Error("the key was written into the state")
	}
	if _, err := Recover(context.Background(), o, RecoverOptions{New: true}); err == nil || !strings.Contains(err.Error(), "the key is a credential of the service") {
		t.Errorf("a linked log would begin with the old key: %v", err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), o); err == nil || !strings.Contains(err.Error(), "others may read it") {
		t.Errorf("a credential that everybody may read: %v", err)
	}
}

// TestOpenKey: nothing is signed with a key that others may read.
func TestOpenKey(t *testing.T) {
	o, _ := archived(t)
	path := filepath.Join(o.State, "key")
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), "chmod 600 it") || strings.Contains(err.Error(), "\n") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	openStation(t, o)
}
