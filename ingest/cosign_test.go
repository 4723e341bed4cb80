package ingest

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	cosigners "github.com/custodock/custodock/witness"
	"github.com/custodock/custodock/witness/server"
)

// witnessOf runs a witness of a dock's log until the test ends; down has it gone
// at once.
func witnessOf(t *testing.T, s *Station, name string) (cfg configs.Witness, down func()) {
	t.Helper()
	w, err := server.Open(server.Options{Dir: t.TempDir(), Name: name + ".example/w", Logs: []string{s.vkey}})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(w)
	t.Cleanup(func() { h.Close(); _ = w.Close() })
	return configs.Witness{Name: name, Key: w.Key().String(), URL: h.URL}, h.Close
}

// witnessed puts witnesses into the configuration in force.
func witnessed(t *testing.T, s *Station, quorum int, list ...configs.Witness) {
	t.Helper()
	cfg := *s.conf()
	cfg.Witnesses = configs.Witnesses{List: list, Quorum: quorum}
	if err := s.Reconfigure(t.Context(), cfg, configFile(t, fmt.Sprint(list))); err != nil {
		t.Fatal(err)
	}
}

// cosigned has the newest checkpoint cosigned, as the loop does.
func cosigned(t *testing.T, s *Station) ([]byte, error) {
	t.Helper()
	if _, err := s.ledger.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	size, note := s.ledger.Sealed()
	return s.Cosign(t.Context(), size, note)
}

// grow adds entries to the log.
func grow(t *testing.T, s *Station, name string) {
	t.Helper()
	cam := t.TempDir()
	write(t, filepath.Join(cam, name+".mp4"), name)
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 1 {
		t.Fatalf("%+v", sum)
	}
}

func cosignedStatus(t *testing.T, s *Station) CosignedView {
	t.Helper()
	st, err := s.Status(t.Context())
	if err != nil || st.Cosigned == nil {
		t.Fatalf("%+v, %v", st, err)
	}
	return *st.Cosigned
}

// TestCosigned: the dock's checkpoint comes back with the lines of its witnesses,
// again after it grew, and status and doctor say who is missing.
func TestCosigned(t *testing.T) {
	o := testOptions(t)
	now := time.Now()
	o.Now = func() time.Time { return now }
	s := openStation(t, o)
	if _, err := cosigned(t, s); !errors.Is(err, ErrNoWitness) {
		t.Errorf("without a witness: %v", err)
	}
	one, _ := witnessOf(t, s, "one")
	two, down := witnessOf(t, s, "two")
	witnessed(t, s, 0, one, two)
	for _, name := range []string{"a", "b"} {
		grow(t, s, name)
		msg, err := cosigned(t, s)
		if err != nil {
			t.Fatal(err)
		}
		text, err := policyText(s.conf().Witnesses)
		if err != nil {
			t.Fatal(err)
		}
		p, err := manifest.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		v, err := manifest.ParseKey(s.vkey)
		if err != nil {
			t.Fatal(err)
		}
		if c, sigs, err := p.Check(msg, v); err != nil || len(sigs) != 2 || c.Size != s.sealed() {
			t.Fatalf("%v\n%s", err, msg)
		}
	}
	whole := cosignedStatus(t, s)
	if whole.Size != s.sealed() || !whole.Since.IsZero() || len(whole.Witnesses) != 2 || whole.Witnesses[1].Size != whole.Size {
		t.Errorf("%+v", whole)
	}

	down()
	grow(t, s, "c")
	msg, err := cosigned(t, s)
	if !errors.Is(err, manifest.ErrUnwitnessed) || strings.Count(string(msg), "\u2014 ") != 2 {
		t.Errorf("%v\n%s", err, msg)
	}
	v := cosignedStatus(t, s)
	if v.Size != whole.Size || v.Since.IsZero() || v.Witnesses[0].Size <= whole.Size || v.Witnesses[1].Size != whole.Size || v.Witnesses[1].Error == "" {
		t.Errorf("%+v", v)
	}
	found, err := s.Doctor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bad := 0
	for _, c := range found {
		if (c.Code == "witness" && c.Args[0] == "two" || c.Code == "cosigned") && !c.OK && c.Mend != "" {
			bad++
		}
	}
	if bad != 2 {
		t.Errorf("doctor: %+v", found)
	}
	if _, stands := s.alarms.stands("witness_silent"); stands {
		t.Error("called a person at once")
	}
	now = now.Add(unwitnessedAfter)
	s.patrol()
	if al, stands := s.alarms.stands("witness_silent"); !stands || al.Args[0] != "two" {
		t.Errorf("a day later: %+v", s.alarms.list())
	}
	witnessed(t, s, 1, one, two) // one is enough
	if _, err := cosigned(t, s); err == nil || errors.Is(err, manifest.ErrUnwitnessed) {
		t.Errorf("one of two: %v", err)
	}
	if al, stands := s.alarms.stands("witness_silent"); stands {
		t.Errorf("%+v", al)
	}
}

// TestCosignedInStore: without an authority too, the loop writes what the
// witnesses gave to the store; what lacks their quorum is asked for again although
// the log has not grown, and written once it is whole.
func TestCosignedInStore(t *testing.T) {
	s := openStation(t, testOptions(t))
	one, _ := witnessOf(t, s, "one")
	two, down := witnessOf(t, s, "two")
	witnessed(t, s, 0, one, two)
	grow(t, s, "a")
	first := anchorsIn(t, s)
	if len(first) != 1 {
		t.Fatalf("%+v", first)
	}
	central := filepath.Join(s.state, "central")
	if note := inStore(t, s, central, checkpointName(first[0].Size)); strings.Count(string(note), "\u2014 ") != 3 {
		t.Errorf("%s", note)
	}
	down()
	grow(t, s, "b")
	if got := anchorsIn(t, s); len(got) != 1 {
		t.Fatalf("written although a witness is missing: %+v", got)
	}
	witnessed(t, s, 0, one)
	for range 2 { // the second time nothing is due
		if err := s.anchorDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := anchorsIn(t, s); len(got) != 2 || s.uncosigned() {
		t.Errorf("%+v", got)
	}
	if v, err := s.Anchor(t.Context()); err != nil || v.Made {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestStampedBeforeCosigned: a time stamp does not wait for a witness that is away;
// once the witness is there it is asked although nothing came.
func TestStampedBeforeCosigned(t *testing.T) {
	o, a := stamped(t, 400)
	s := openStation(t, o)
	one, down := witnessOf(t, s, "one")
	down()
	witnessed(t, s, 0, one)
	grow(t, s, "a")
	if got := anchorsIn(t, s); len(got) != 1 || got[0].TSR == "" || !s.uncosigned() {
		t.Fatalf("%+v", got)
	}
	asked := a.Asked()
	if err := s.anchorDue(t.Context()); !errors.Is(err, manifest.ErrUnwitnessed) || a.Asked() != asked {
		t.Errorf("%v; the authority was asked %d times more", err, a.Asked()-asked)
	}
	two, _ := witnessOf(t, s, "two")
	witnessed(t, s, 0, two)
	if err := s.anchorDue(t.Context()); err != nil || len(anchorsIn(t, s)) != 2 || s.uncosigned() {
		t.Errorf("%v: %+v", err, anchorsIn(t, s))
	}
}

// TestWitnessForked: a witness that has seen another history raises an alarm that
// names it, stands after a restart and stops no work.
func TestWitnessForked(t *testing.T) {
	o := testOptions(t)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s.retryPause = time.Millisecond
	one, _ := witnessOf(t, s, "one")
	grow(t, s, "a")
	witnessed(t, s, 0, one)
	// A clone signs a longer log of its own.
	id, err := loadIdentity(s.ring, s.state, *s.conf(), true)
	if err != nil {
		t.Fatal(err)
	}
	clone := manifest.Checkpoint{Origin: manifest.Origin(s.authority, s.log), Size: 1000, Root: tlog.RecordHash(nil)}
	msg, err := manifest.SignCheckpoint(clone, id.signers...)
	if err != nil {
		t.Fatal(err)
	}
	client, err := s.witnesses()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Cosign(t.Context(), 1000, msg, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := cosigned(t, s); !errors.Is(err, cosigners.ErrAhead) {
		t.Fatalf("%v", err)
	}
	if al, stands := s.alarms.stands("witness_forked"); !stands || al.Args[0] != "one" || !strings.Contains(al.Text, "1000 entries") {
		t.Errorf("%+v", s.alarms.list())
	}
	grow(t, s, "b")
	if err := s.healthy(); err != nil {
		t.Errorf("a witness's word stopped the dock: %v", err)
	}
	o.Config = *s.conf()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStation(t, o)
	s.patrol()
	if _, stands := s.alarms.stands("witness_forked"); !stands {
		t.Error("the alarm is gone with the process")
	}
	witnessed(t, s, 0)
	s.patrol()
	if len(s.alarms.list()) != 0 {
		t.Errorf("without witnesses: %+v", s.alarms.list())
	}
}

// TestWitnessesRefused: a configuration whose witnesses cannot be asked is not
// put in force.
func TestWitnessesRefused(t *testing.T) {
	s := openStation(t, testOptions(t))
	one, _ := witnessOf(t, s, "one")
	policy := func(text string) configs.Witnesses { return configs.Witnesses{Policy: configFile(t, text)} }
	other := one
	other.Name = "other"
	for name, w := range map[string]configs.Witnesses{
		"a key of other letters": {List: []configs.Witness{{Name: "a", Key: strings.Replace(one.Key, "one", "two", 1), URL: one.URL}}},
		"one key twice":          {List: []configs.Witness{one, other}},
		"no policy":              policy("quorum"),
		"no file":                {Policy: "/no/such"},
	} {
		cfg := *s.conf()
		cfg.Witnesses = w
		if err := s.Reconfigure(t.Context(), cfg, configFile(t, name)); err == nil || s.conf().Witnesses.Any() {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := *s.conf()
	cfg.Witnesses = policy(fmt.Sprintf("witness w %s %s\nquorum w\n", one.Key, one.URL))
	if err := s.Reconfigure(t.Context(), cfg, configFile(t, "good")); err != nil {
		t.Fatal(err)
	}
	if _, err := cosigned(t, s); err != nil {
		t.Error(err)
	}
}
