package ingest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store/dir"
	"github.com/custodock/custodock/verify"
)

// proves verifies the dock's archive with a key.
func proves(t *testing.T, o Options, key string) error {
	t.Helper()
	st, err := dir.OpenReader(strings.TrimPrefix(o.Config.Stores[0].URL, "file://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	_, err = verify.Store(context.Background(), verify.Options{Store: st, Key: key}, nil)
	return err
}

// keyEntries are the entries that name keys, in order.
func keyEntries(t *testing.T, s *Station) (keys []string) {
	t.Helper()
	for n := range s.ledger.Size() {
		raw, err := s.ledger.Entry(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, typ := range []string{`"type":"log.started"`, `"type":"log.key"`} {
			if strings.Contains(string(raw), typ) {
				_, rest, _ := strings.Cut(string(raw), `"key":"`)
				key, _, _ := strings.Cut(rest, `"`)
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// TestRotate: every key the log has had proves all of it, what came before the
// rotation and what came after.
func TestRotate(t *testing.T) {
	o, _ := archived(t)
	var keys []string
	for range 2 {
		before, after, err := Rotate(context.Background(), o)
		if err != nil || before == after {
			t.Fatalf("%s, %s: %v", before, after, err)
		}
		if len(keys) == 0 {
			keys = []string{before}
		}
		keys = append(keys, after)
	}
	s := openStation(t, o)
	if got := keyEntries(t, s); strings.Join(got, " ") != strings.Join(keys, " ") {
		t.Errorf("the log names %v", got)
	}
	more := t.TempDir()
	testbench.Clips(t, more, 1, 1000, 9)
	if sum, _ := take(t, s, more, clip.Tags{}); sum.Stored != 1 {
		t.Errorf("%+v", sum)
	}
	if key, err := s.Key(context.Background()); err != nil || key != keys[2] {
		t.Errorf("the key is %s, %v", key, err)
	}
	if fi, err := os.Stat(filepath.Join(o.State, "key")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", fi, err)
	}
	for i, key := range keys {
		if err := proves(t, o, key); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

// TestRotateBrokenOff: a kill at any step leaves a log that goes on, and the
// rotation either not begun or ended by what opens the state next.
func TestRotateBrokenOff(t *testing.T) {
	o, _ := archived(t)
	s := openStation(t, o)
	first := s.newest()
	// Killed before the key file was replaced: a temporary file is left.
	write(t, filepath.Join(o.State, ".tmp-key"), "PRIVATE+KEY+half")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStation(t, o)
	if got := keyEntries(t, s); len(got) != 1 {
		t.Errorf("nothing was rotated, yet the log names %v", got)
	}
	// Killed after it, before the key was entered.
	if err := s.addKey(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := proves(t, o, first); err != nil {
		t.Errorf("in between, with the first key: %v", err)
	}
	s = openStation(t, o)
	got := keyEntries(t, s)
	if len(got) != 2 || got[0] != first || got[1] != s.newest() {
		t.Fatalf("the log names %v", got)
	}
	// Killed after it was entered, before that was published.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStation(t, o)
	if again := keyEntries(t, s); len(again) != 2 {
		t.Errorf("entered twice: %v", again)
	}
	if err := s.publishNow(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, key := range got {
		if err := proves(t, o, key); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

// TestOldKeyBackup: a key file from before the rotation signs nothing, neither
// in the state nor after the published log was taken over.
func TestOldKeyBackup(t *testing.T) {
	o, _ := archived(t)
	path := filepath.Join(o.State, "key")
	backup, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, after, err := Rotate(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lacks := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "lacks the key "+after) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.WriteFile(path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), o)
	lacks("open", err)
	o.State = t.TempDir()
	path = filepath.Join(o.State, "key")
	if err := os.WriteFile(path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Recover(context.Background(), o, RecoverOptions{})
	lacks("recover", err)
	_, err = Open(context.Background(), o)
	lacks("open after recover", err)
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(context.Background(), o, RecoverOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := proves(t, o, after); err != nil {
		t.Error(err)
	}
}

// TestRotateRefuses: keys of two logs, and a credential.
func TestRotateRefuses(t *testing.T) {
	o, _ := archived(t)
	path := filepath.Join(o.State, "key")
	mine, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := newKey("test.example", "dother")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(string(mine)+other+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), o); err == nil || !strings.Contains(err.Error(), `of "test.example/dtest1" and of "test.example/dother"`) {
		t.Error(err)
	}
	o.Credentials = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.Credentials, CredentialName), mine, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Rotate(context.Background(), o); err == nil || !strings.Contains(err.Error(), "a credential of the service") {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != string(mine)+other+"\n" {
		t.Errorf("the key file was touched: %v", err)
	}
}
