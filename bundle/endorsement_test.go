package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// endorsedPack is a package of a log whose key the authority endorsed so.
func endorsedPack(t testing.TB, a *verifytest.Authority, changes ...func(*manifest.Endorsement)) (l *verifytest.Log, dir string) {
	t.Helper()
	l, clips := sample(t)
	for _, change := range changes {
		a.Endorse(l, l.Key, change)
	}
	dir = filepath.Join(t.TempDir(), "package")
	if err := bundle.Write(context.Background(), options(l, dir, clips)); err != nil {
		t.Fatal(err)
	}
	return l, dir
}

// trusting verifies a package with the key of the authority alone.
func trusting(a verify.Authority, dir string) (map[string]string, error) {
	o, err := a.Package(dir)
	if err != nil {
		return nil, err
	}
	got := map[string]string{}
	report, err := verify.File(context.Background(), o, dir, func(r verify.Result) error {
		got[r.Clip] = r.Result
		return nil
	})
	for _, p := range report.Problems {
		got[p.File] = "problem"
	}
	return got, err
}

func TestEndorsedPackage(t *testing.T) {
	agency, stranger := verifytest.NewAuthority(t), verifytest.NewAuthority(t)
	bin := tools(t)
	begin := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	span := func(from, until time.Duration) func(*manifest.Endorsement) {
		return func(e *manifest.Endorsement) { e.From, e.Until = begin.Add(from), begin.Add(until) }
	}
	year := func(*manifest.Endorsement) {}
	witness := func(e *manifest.Endorsement) { e.Role = manifest.RoleWitness }
	for name, c := range map[string]struct {
		notes []func(*manifest.Endorsement)
		says  string // of verify.sh, "" when it proves all
	}{
		"a year":         {[]func(*manifest.Endorsement){year}, ""},
		"exactly":        {[]func(*manifest.Endorsement){span(0, 48*time.Second)}, ""},
		"renewed":        {[]func(*manifest.Endorsement){span(0, 4*time.Second), span(5*time.Second, time.Hour)}, ""},
		"and as witness": {[]func(*manifest.Endorsement){witness, year}, ""},
		"none":           {nil, "does not answer for this package"},
		"as witness":     {[]func(*manifest.Endorsement){witness}, "does not answer for this package"},
		"expired":        {[]func(*manifest.Endorsement){span(-time.Hour, -time.Second)}, "when the authority did not answer for the key"},
		"too short":      {[]func(*manifest.Endorsement){span(0, 48*time.Second-time.Millisecond)}, "entries/dk3v9q-48.json was made 2026-11-22T08:00:48.000Z, when"},
		"too late":       {[]func(*manifest.Endorsement){span(time.Millisecond, time.Hour)}, "entries/dk3v9q-0.json was made 2026-11-22T08:00:00.000Z, when"},
	} {
		l, dir := endorsedPack(t, agency, c.notes...)
		got, err := trusting(verify.Authority{Verifier: agency.Verifier}, dir)
		if (err == nil) != (c.says == "") || err != nil && !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("%s: %v %v", name, got, err)
		}
		out, code := script(t, bin, dir, agency.Key)
		if (code == 0) != (c.says == "") || !strings.Contains(out, c.says) || code == 0 && !strings.Contains(out, "authority: county.example answers for key ") {
			t.Errorf("%s: exit %d: %s", name, code, out)
		}
		if name != "a year" && name != "expired" {
			continue
		}
		// The dock's own key proves it whatever an authority says.
		if got, err := verifyDir(dir, l.Key); err != nil {
			t.Errorf("%s, with the dock's key: %v %v", name, got, err)
		}
		if out, code := script(t, bin, dir, l.Key); code != 0 || strings.Contains(out, "authority:") {
			t.Errorf("%s, with the dock's key: exit %d: %s", name, code, out)
		}
		if out, code := script(t, bin, dir, stranger.Key); code != 11 {
			t.Errorf("%s, with another authority's key: exit %d: %s", name, code, out)
		}
		if _, err := trusting(verify.Authority{Verifier: stranger.Verifier}, dir); !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("%s, with another authority's key: %v", name, err)
		}
		if _, err := trusting(verify.Authority{Verifier: agency.Verifier, Revoked: agency.Revoke(l.Key, "lost")}, dir); !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("%s, revoked: %v", name, err)
		}
	}
}

// TestEndorsementOfAnotherDock: the key that an authority endorsed has to be the
// one that signed.
func TestEndorsementOfAnotherDock(t *testing.T) {
	agency, bin := verifytest.NewAuthority(t), tools(t)
	l, clips := sample(t)
	agency.Endorse(l, verifytest.New(t, t.TempDir()).Key, nil)
	dir := filepath.Join(t.TempDir(), "package")
	if err := bundle.Write(context.Background(), options(l, dir, clips)); err != nil {
		t.Fatal(err)
	}
	if _, err := trusting(verify.Authority{Verifier: agency.Verifier}, dir); err == nil || !strings.Contains(err.Error(), "did not sign it") {
		t.Error(err)
	}
	if out, code := script(t, bin, dir, agency.Key); code != 11 {
		t.Errorf("exit %d: %s", code, out)
	}
}

// TestEndorsementBytes: any bit that changes in a package with an endorsement,
// its script included, is noticed by who has the authority's key.
func TestEndorsementBytes(t *testing.T) {
	agency, bin := verifytest.NewAuthority(t), tools(t)
	_, dir := endorsedPack(t, agency, nil)
	a := verify.Authority{Verifier: agency.Verifier}
	random := rand.New(rand.NewPCG(3, 4))
	for _, name := range files(t, dir) {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			if !strings.HasPrefix(name, "endorsements/") && random.IntN(len(whole)) > 10 {
				continue
			}
			broken := bytes.Clone(whole)
			broken[i] ^= 1 << random.IntN(8)
			put(t, path, broken)
			if _, err := trusting(a, dir); !errors.Is(err, verify.ErrMismatch) {
				t.Fatalf("byte %d of %s: %v", i, name, err)
			}
		}
		broken := bytes.Clone(whole)
		broken[random.IntN(len(whole))] ^= 1 << random.IntN(8)
		put(t, path, broken)
		if out, code := script(t, bin, dir, agency.Key); code == 0 {
			t.Fatalf("%s: %s", name, out)
		}
		put(t, path, whole)
	}
	if got, err := trusting(a, dir); err != nil || cmp.Equal(got, nil) {
		t.Fatal("the package is broken now:", err)
	}
}

func TestBrokenEndorsementLeavesNothing(t *testing.T) {
	agency := verifytest.NewAuthority(t)
	l, clips := sample(t)
	name := agency.Endorse(l, l.Key, nil)
	o := options(l, filepath.Join(t.TempDir(), "package"), clips)
	o.Store.(verifytest.Memory)[name][5] ^= 1
	if err := bundle.Write(context.Background(), o); !errors.Is(err, verify.ErrMismatch) {
		t.Error(err)
	}
}
