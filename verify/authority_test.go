package verify_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// endorsedStore verifies a whole store with nothing but the authority's key.
func endorsedStore(t testing.TB, a verify.Authority, l *verifytest.Log) (out outcome) {
	t.Helper()
	mem := l.Memory()
	o, err := a.Log(context.Background(), mem, verifytest.Name)
	if err != nil {
		return outcome{err: err}
	}
	out.report, out.err = verify.Store(context.Background(), o, func(r verify.Result) error {
		out.results = append(out.results, r)
		return nil
	})
	return out
}

// second is when entry n of a log made here was entered.
func second(n int64) time.Time {
	return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
}

func TestAuthority(t *testing.T) {
	l, agency := sample(t), verifytest.NewAuthority(t)
	agency.Endorse(l, l.Key, nil)
	got := endorsedStore(t, verify.Authority{Verifier: agency.Verifier}, l)
	if got.err != nil || got.report.OK != 3 || got.report.Authority != verifytest.Issuer {
		t.Fatalf("%v %+v", got.err, got.report)
	}
	logs, err := verify.Authority{Verifier: agency.Verifier}.Logs(t.Context(), l.Memory())
	if d := cmp.Diff([]string{verifytest.Name}, logs); err != nil || d != "" {
		t.Error(err, d)
	}
	if got := run(t, l, nil); got.err != nil || got.report.Authority != "" {
		t.Errorf("with the dock's own key: %v %+v", got.err, got.report)
	}
}

func TestAuthorityDoesNotAnswer(t *testing.T) {
	agency, stranger := verifytest.NewAuthority(t), verifytest.NewAuthority(t)
	other := verifytest.New(t, t.TempDir())
	_, elsewhere, err := manifest.NewKey("dock.example.org/another")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		endorse func(*verifytest.Log)
		revoked func(*verifytest.Log) *manifest.Revocations
		says    string
	}{
		"none":           {func(*verifytest.Log) {}, nil, "no endorsement with it"},
		"another's word": {func(l *verifytest.Log) { stranger.Endorse(l, l.Key, nil) }, nil, "not signed by that key"},
		"role": {func(l *verifytest.Log) {
			agency.Endorse(l, l.Key, func(e *manifest.Endorsement) { e.Role = manifest.RoleWitness })
		}, nil, "endorsed as witness, not as dock"},
		"key of another log":  {func(l *verifytest.Log) { agency.Endorse(l, elsewhere, nil) }, nil, "is of a key of log another"},
		"key of another dock": {func(l *verifytest.Log) { agency.Endorse(l, other.Key, nil) }, nil, "did not sign it"},
		"revoked": {func(l *verifytest.Log) { agency.Endorse(l, l.Key, nil) },
			func(l *verifytest.Log) *manifest.Revocations { return agency.Revoke(l.Key, "dock was stolen") }, "dock was stolen; perhaps in other hands since 2026-10-01T00:00:00Z"},
	} {
		l := sample(t)
		c.endorse(l)
		a := verify.Authority{Verifier: agency.Verifier}
		if c.revoked != nil {
			a.Revoked = c.revoked(l)
		}
		got := endorsedStore(t, a, l)
		if !errors.Is(got.err, verify.ErrMismatch) || !strings.Contains(got.err.Error(), c.says) || strings.Contains(got.err.Error(), "\n") {
			t.Errorf("%s: %v", name, got.err)
		}
	}
	// Another key was revoked: this one stands.
	l := sample(t)
	agency.Endorse(l, l.Key, nil)
	if got := endorsedStore(t, verify.Authority{Verifier: agency.Verifier, Revoked: agency.Revoke(other.Key, "lost")}, l); got.err != nil {
		t.Error(got.err)
	}
}

// TestEndorsedTimes: what was entered before or after is not proved, to the
// millisecond, and what was entered in time is.
func TestEndorsedTimes(t *testing.T) {
	agency := verifytest.NewAuthority(t)
	span := func(from, until time.Time) func(*manifest.Endorsement) {
		return func(e *manifest.Endorsement) { e.From, e.Until = from, until }
	}
	const file = "log/" + verifytest.Name + "/endorsement"
	all := map[string]string{"dk3v9q-1": verify.OK, "dk3v9q-3": verify.OK, "dk3v9q-6": verify.OK}
	for name, c := range map[string]struct {
		spans []func(*manifest.Endorsement)
		want  map[string]string
	}{
		"exactly":   {[]func(*manifest.Endorsement){span(second(0), second(8))}, all},
		"too short": {[]func(*manifest.Endorsement){span(second(0), second(6).Add(-time.Millisecond))}, map[string]string{"dk3v9q-1": verify.OK, "dk3v9q-3": verify.OK, "dk3v9q-6": verify.Mismatch, file: "problem"}},
		"too late":  {[]func(*manifest.Endorsement){span(second(1).Add(time.Millisecond), second(8))}, map[string]string{"dk3v9q-1": verify.Mismatch, "dk3v9q-3": verify.OK, "dk3v9q-6": verify.OK, file: "problem"}},
		"expired":   {[]func(*manifest.Endorsement){span(second(-10), second(-1))}, map[string]string{"dk3v9q-1": verify.Mismatch, "dk3v9q-3": verify.Mismatch, "dk3v9q-6": verify.Mismatch, file: "problem"}},
		"renewed":   {[]func(*manifest.Endorsement){span(second(0), second(4)), span(second(5), second(99))}, all},
	} {
		l := sample(t)
		for _, s := range c.spans {
			agency.Endorse(l, l.Key, s)
		}
		got := endorsedStore(t, verify.Authority{Verifier: agency.Verifier}, l)
		if d := cmp.Diff(c.want, got.says()); d != "" || (got.err == nil) != (c.want[file] == "") {
			t.Errorf("%s: %v %s", name, got.err, d)
		}
	}
	l := sample(t)
	agency.Endorse(l, l.Key, span(second(0), second(2)))
	o, err := verify.Authority{Verifier: agency.Verifier}.Log(t.Context(), l.Memory(), verifytest.Name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = verify.Log(t.Context(), o, func(manifest.Entry) error { return nil })
	if !errors.Is(err, verify.ErrMismatch) || !strings.Contains(err.Error(), "entry dk3v9q-3 was made 2026-11-22T08:00:03.000Z") {
		t.Errorf("the entries alone: %v", err)
	}
}

// TestEndorsementFlips: with any bit of it changed an endorsement gives nothing
// to who relies on it, and is named to who does not.
func TestEndorsementFlips(t *testing.T) {
	l, agency := sample(t), verifytest.NewAuthority(t)
	name := agency.Endorse(l, l.Key, nil)
	mem := l.Memory()
	a := verify.Authority{Verifier: agency.Verifier}
	for i := range mem[name] {
		for bit := range 8 {
			mem[name][i] ^= 1 << bit
			if _, err := a.Log(t.Context(), mem, verifytest.Name); !errors.Is(err, verify.ErrMismatch) {
				t.Errorf("byte %d bit %d: %v", i, bit, err)
			}
			mem[name][i] ^= 1 << bit
		}
	}
	mem[name][bytes.Index(mem[name], []byte("serial 1"))+len("serial ")] ^= 2 // still the text of one
	report, err := verify.Store(t.Context(), verify.Options{Store: mem, Key: l.Key}, nil)
	if !errors.Is(err, verify.ErrMismatch) || len(report.Problems) != 1 || report.Problems[0].File != name {
		t.Errorf("%v %+v", err, report.Problems)
	}
}

func TestEndorsedReceipt(t *testing.T) {
	l, paper := docked(t)
	agency := verifytest.NewAuthority(t)
	agency.Endorse(l, l.Key, func(e *manifest.Endorsement) { e.Until = paper.Time })
	a := verify.Authority{Verifier: agency.Verifier}
	mem := l.Memory()
	o, err := a.Log(t.Context(), mem, verifytest.Name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "receipt")
	for _, late := range []time.Duration{0, time.Millisecond} {
		r := paper
		r.Time = r.Time.Add(late)
		if err := os.WriteFile(path, l.Receipt(r, l.Size()), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := verify.File(t.Context(), o, path, nil)
		if (err == nil) != (late == 0) || late > 0 && !strings.Contains(err.Error(), "the receipt was made 2026-11-22T08:01:00.001Z, when county.example did not answer") {
			t.Errorf("%v late: %v", late, err)
		}
	}
}
