package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store/dir"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// answers asks a store what an authority says of a dock's log.
func answers(t *testing.T, a *verifytest.Authority, url, log string) (verify.Options, error) {
	t.Helper()
	st, err := dir.OpenReader(strings.TrimPrefix(url, "file://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	return verify.Authority{Verifier: a.Verifier}.Log(context.Background(), st, log)
}

// TestInstall: an endorsement is in every store when it was installed, in one
// that was away as soon as it is back, and in one that came later.
func TestInstall(t *testing.T) {
	o, agency := testOptions(t), verifytest.NewAuthority(t)
	near := "file://" + filepath.Join(t.TempDir(), "near")
	far, back := away(t)
	o.Config.Stores = []configs.Store{storeAt(near), {Name: "far", URL: far}}
	s := openStation(t, o)
	note := string(agency.Note(s.vkey, nil))
	e, err := s.Install(context.Background(), InstallRequest{Note: note})
	if err != nil || e.Authority != verifytest.Issuer || e.Key != s.vkey || e.Until != "2026-12-31T23:59:59.999Z" {
		t.Fatalf("%+v, %v", e, err)
	}
	if got, err := answers(t, agency, near, s.log); err != nil || got.Key != s.vkey || len(got.Endorsed) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if again, err := s.Install(context.Background(), InstallRequest{Note: note}); err != nil || again != e {
		t.Errorf("a second time: %+v, %v", again, err)
	}
	renewed := agency.Note(s.vkey, func(e *manifest.Endorsement) { e.Until = e.Until.AddDate(1, 0, 0) })
	if _, err := s.Install(context.Background(), InstallRequest{Note: string(renewed)}); err != nil {
		t.Fatal(err)
	}
	if got, err := answers(t, agency, near, s.log); err != nil || len(got.Endorsed) != 2 {
		t.Errorf("renewed: %+v, %v", got, err)
	}
	// Another disk is in its place: what it lacks is not known before it is looked at.
	if err := os.RemoveAll(filepath.Join(strings.TrimPrefix(near, "file://"), "log", s.log, "endorsement")); err != nil {
		t.Fatal(err)
	}
	s.centrals()[0].letGo(nil)
	if err := s.publishTo(context.Background(), s.centrals()[0]); err != nil {
		t.Fatal(err)
	}
	if got, err := answers(t, agency, near, s.log); err != nil || len(got.Endorsed) != 2 {
		t.Errorf("after the store was away: %+v, %v", got, err)
	}
	back()
	c := s.centrals()[1]
	if err := s.publishTo(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if got, err := answers(t, agency, far, s.log); err != nil || len(got.Endorsed) != 2 {
		t.Errorf("the store that was away: %+v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	later := "file://" + filepath.Join(t.TempDir(), "later")
	o.Config.Stores = []configs.Store{{Name: "later", URL: later}}
	s = openStation(t, o)
	if err := s.publishNow(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got, err := answers(t, agency, later, s.log); err != nil || len(got.Endorsed) != 2 {
		t.Errorf("the store that came later: %+v, %v", got, err)
	}
}

func TestInstallRefuses(t *testing.T) {
	o, agency := testOptions(t), verifytest.NewAuthority(t)
	s := openStation(t, o)
	_, other, err := manifest.NewKey("test.example/dtest1")
	if err != nil {
		t.Fatal(err)
	}
	for name, note := range map[string][]byte{
		"another key": agency.Note(other, nil),
		"as witness":  agency.Note(s.vkey, func(e *manifest.Endorsement) { e.Role = manifest.RoleWitness }),
		"cut":         agency.Note(s.vkey, nil)[1:],
		"nothing":     nil,
		"checkpoint":  s.sealedCheckpoint(),
	} {
		if _, err := s.Install(context.Background(), InstallRequest{Note: string(note)}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(s.endorsementDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was kept: %v", err)
	}
	// What a crash left is not published.
	sum := sha256.Sum256([]byte("whole"))
	write(t, filepath.Join(s.endorsementDir(), hex.EncodeToString(sum[:])), "who")
	if notes, err := s.endorsements(); err != nil || len(notes) != 0 {
		t.Errorf("%v, %v", notes, err)
	}
}

// TestEndorsementEnds: the admin hears of it while there is time.
func TestEndorsementEnds(t *testing.T) {
	o, agency := testOptions(t), verifytest.NewAuthority(t)
	s := openStation(t, o)
	if _, any := s.endorsedCondition(); any {
		t.Error("a dock that nobody endorsed needs no renewal")
	}
	if _, err := s.Install(context.Background(), InstallRequest{Note: string(agency.Note(s.vkey, nil))}); err != nil {
		t.Fatal(err)
	}
	end := time.Date(2026, 12, 31, 23, 59, 59, 999e6, time.UTC)
	for at, ok := range map[time.Duration]bool{-31 * 24 * time.Hour: true, -30 * 24 * time.Hour: false, time.Hour: false} {
		s.now = func() time.Time { return end.Add(at) }
		if c, any := s.endorsedCondition(); !any || c.OK != ok || (c.Mend == "") != ok {
			t.Errorf("%v: %+v", at, c)
		}
	}
}
