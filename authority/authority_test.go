package authority

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/custodock/custodock/manifest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 1, 8, 0, 0, 125e6, time.UTC)

func dockKey(t *testing.T) string {
	t.Helper()
	_, vkey, err := manifest.NewKey("county.example/dk3v9q")
	if err != nil {
		t.Fatal(err)
	}
	return vkey
}

func TestAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "safe", "authority")
	a, err := Init(dir, "county.example", now)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(filepath.Join(dir, keyName)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", fi, err)
	}
	again, err := Init(dir, "county.example", now.Add(time.Hour))
	if err != nil || again.Key() != a.Key() {
		t.Fatalf("a second init: %v", err)
	}
	v, err := manifest.ParseKey(a.Key())
	if err != nil {
		t.Fatal(err)
	}
	key := dockKey(t)
	for serial := int64(1); serial <= 2; serial++ {
		msg, e, err := again.Endorse(manifest.RoleDock, key, now, now.AddDate(1, 0, 0), now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := manifest.OpenEndorsement(msg, v)
		if err != nil || got != e || got.Serial != serial || got.Key != key {
			t.Errorf("endorsement %d: %+v, %v", serial, got, err)
		}
		kept, err := os.ReadFile(filepath.Join(dir, endorsed, string(rune('0'+serial))))
		if err != nil || string(kept) != string(msg) {
			t.Errorf("endorsement %d is not kept: %v", serial, err)
		}
	}
	if _, err := a.Revoke(key, "dock was stolen", now, now); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Endorse(manifest.RoleDock, key, now, now, now); err == nil || !strings.Contains(err.Error(), "it was revoked (dock was stolen)") {
		t.Errorf("a revoked key is endorsed: %v", err)
	}
	msg, err := a.Revoke(manifest.CertificateKey([32]byte{1}), "replaced", now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := manifest.OpenRevocations(msg, v); err != nil || len(r.List) != 2 || r.List[0].Key != key || !r.Issued.Equal(now.Add(time.Hour)) {
		t.Errorf("the list: %+v, %v", r, err)
	}
}

func TestAuthorityRefuses(t *testing.T) {
	dir := t.TempDir()
	a, err := Init(dir, "county.example", now)
	if err != nil {
		t.Fatal(err)
	}
	key := dockKey(t)
	fails := func(what string, err error, has string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), has) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, name := range []string{"", "a b", "a+b", "county.example/police"} {
		_, err := Init(t.TempDir(), name, now)
		fails(name, err, "make authority")
	}
	_, err = Init(dir, "town.example", now)
	fails("another name", err, "holds that of county.example")
	_, err = Open(t.TempDir())
	fails("nothing there", err, "custodock authority init")
	_, _, err = a.Endorse("king", key, now, now, now)
	fails("role", err, "no role")
	_, _, err = a.Endorse(manifest.RoleTSA, key, now, now, now)
	fails("a key for a certificate", err, "does not name a certificate")
	_, _, err = a.Endorse(manifest.RoleDock, a.Key(), now, now, now)
	fails("the key of no log", err, "is of no log")
	_, _, err = a.Endorse(manifest.RoleDock, key, now, now.Add(-time.Millisecond), now)
	fails("ends before it begins", err, "malformed")
	_, err = a.Revoke(key, "two\nlines", now, now)
	fails("reason", err, "in one line")
	if _, err = a.Revoke(key, "lost", now, now); err != nil {
		t.Fatal(err)
	}
	_, err = a.Revoke(key, "lost", now, now)
	fails("twice", err, "on the list already")
	if err := os.Chmod(filepath.Join(dir, keyName), 0o640); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir)
	fails("others may read", err, "chmod 600 it")
	if err := os.Remove(filepath.Join(dir, revokedName)); err != nil {
		t.Fatal(err)
	}
	_, err = a.Revoke(key, "lost", now, now)
	fails("the list is gone", err, "restore it")
}
