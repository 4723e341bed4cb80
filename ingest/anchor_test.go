package ingest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp/tsa"
)

// stamped are the options of a dock whose log a real authority stamps.
func stamped(t *testing.T, days int) (Options, *testbench.TSA) {
	t.Helper()
	a, o := testbench.NewTSA(t, days), testOptions(t)
	o.Config.TSA = []configs.TSA{{Name: "bench", URL: a.URL, Roots: a.Roots, Policy: "1.2.3.4.5"}}
	o.OpenTSA = func(t configs.TSA) Asker { return tsa.New(t.URL) }
	return o, a
}

// anchorsIn are the anchors of a log, as its entries say.
func anchorsIn(t *testing.T, s *Station) []anchor {
	t.Helper()
	var out []anchor
	for n := int64(0); n < s.ledger.Size(); n++ {
		raw, err := s.ledger.Entry(n)
		if err != nil {
			t.Fatal(err)
		}
		e, err := manifest.ParseEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == "log.anchor" {
			out = append(out, anchorOf(e))
		}
	}
	return out
}

// inStore reads a file of the log from a store's folder.
func inStore(t *testing.T, s *Station, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(manifest.LogPath(s.log, name))))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAnchor: a docking has the log stamped, the next entry names the digests of
// both files, openssl accepts what the store has, and an anchor alone is no reason
// for another.
func TestAnchor(t *testing.T) {
	o, a := stamped(t, 400)
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	_, results := take(t, s, cam, clip.Tags{})
	anchors := anchorsIn(t, s)
	if len(anchors) != 1 {
		t.Fatalf("%+v", anchors)
	}
	got, central := anchors[0], filepath.Join(s.state, "central")
	note, reply := inStore(t, s, central, checkpointName(got.Size)), inStore(t, s, central, checkpointName(got.Size)+".tsr")
	if digestOf(note) != got.SHA256 || digestOf(reply) != got.TSR || got.TSA != "bench" || got.N != got.Size ||
		time.Since(got.Time).Abs() > time.Minute || got.Until.Before(time.Now().AddDate(0, 0, 399)) {
		t.Errorf("%+v", got)
	}
	roots := inStore(t, s, central, rootsName(got.Roots))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "note"), string(note))
	write(t, filepath.Join(dir, "tsr"), string(reply))
	write(t, filepath.Join(dir, "roots"), string(roots))
	if out, err := exec.Command("openssl", "ts", "-verify", "-in", filepath.Join(dir, "tsr"), "-data", filepath.Join(dir, "note"),
		"-CAfile", filepath.Join(dir, "roots")).CombinedOutput(); err != nil {
		t.Errorf("openssl does not accept the stamp: %s", out)
	}
	asked := a.Asked()
	v, err := s.Anchor(context.Background())
	if err != nil || v.Made || v.Size != got.Size || a.Asked() != asked || len(anchorsIn(t, s)) != 1 {
		t.Errorf("nothing came, and it is stamped again: %+v, %v", v, err)
	}
	n, err := parseClip(s.log, results["a.mp4"].Clip)
	if err != nil {
		t.Fatal(err)
	}
	if after, before, err := s.between(n); err != nil || !after.IsZero() || !before.Equal(got.Time.Add(1500*time.Millisecond)) {
		t.Errorf("clip %d between %s and %s, %v", n, after, before, err)
	}
	write(t, filepath.Join(cam, "b.mp4"), "b")
	_, results = take(t, s, cam, clip.Tags{})
	anchors = anchorsIn(t, s)
	n, _ = parseClip(s.log, results["b.mp4"].Clip)
	if after, before, err := s.between(n); len(anchors) != 2 || err != nil || !after.Equal(got.Time.Add(-1500*time.Millisecond)) ||
		!before.Equal(anchors[1].Time.Add(1500*time.Millisecond)) {
		t.Errorf("clip %d between %s and %s, %v", n, after, before, err)
	}
}

// TestExportIsStamped: the checkpoint that covers clip.exported is stamped before a
// byte of a package is written, and an authority that is away holds up none.
func TestExportIsStamped(t *testing.T) {
	o, a := stamped(t, 400)
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	_, results := take(t, s, cam, clip.Tags{})
	export := func() manifest.Entry {
		t.Helper()
		_, err := s.Export(t.Context(), ExportRequest{Clips: []string{results["a.mp4"].Clip}, Reason: "court", For: "court", Actor: "admin"})
		okay(t, err)
		all := listed(t, s, "clip.exported")
		return all[len(all)-1]
	}
	e := export()
	anchors := anchorsIn(t, s)
	last := anchors[len(anchors)-1]
	if last.Size <= e.N || last.TSR == "" {
		t.Errorf("entry %d was exported, the last stamp covers %d entries", e.N, last.Size)
	}
	inStore(t, s, filepath.Join(s.state, "central"), checkpointName(last.Size)+".tsr")
	a.Break(testbench.TSADown)
	if export(); len(anchorsIn(t, s)) != len(anchors) || a.Fired(testbench.TSADown) == 0 {
		t.Errorf("%d anchors, want %d; it was away %d times", len(anchorsIn(t, s)), len(anchors), a.Fired(testbench.TSADown))
	}
}

// TestAnchorFaults: no fault of an authority gets into the log or holds a docking
// up; a second authority takes over.
func TestAnchorFaults(t *testing.T) {
	o, a := stamped(t, 400)
	s := openStation(t, o)
	cam := t.TempDir()
	for i, fault := range []string{
		testbench.TSADown, testbench.TSAError, testbench.TSAPage, testbench.TSANonce, testbench.TSADigest, testbench.TSAExpired,
		testbench.TSAHuge, testbench.TSARefuses,
	} {
		a.Break(fault)
		write(t, filepath.Join(cam, string(rune('a'+i))+".mp4"), fault)
		if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 1 {
			t.Errorf("%s: %+v", fault, sum)
		}
		if _, err := s.Anchor(context.Background()); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", fault, err)
		}
		if a.Fired(fault) < 2 || len(anchorsIn(t, s)) != 0 {
			t.Errorf("%s fired %d times, %+v", fault, a.Fired(fault), anchorsIn(t, s))
		}
	}
	second := testbench.NewTSA(t, 400)
	cfg := *s.conf()
	cfg.TSA = append(cfg.TSA, configs.TSA{URL: second.URL, Roots: second.Roots})
	s.cfg.Store(&cfg)
	v, err := s.Anchor(context.Background())
	if err != nil || v.TSA != "127.0.0.1" || !v.Made || len(v.Stores) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	cfg.TSA = nil
	s.cfg.Store(&cfg)
	if _, err := s.Anchor(context.Background()); !errors.Is(err, ErrNoTSA) {
		t.Errorf("without an authority: %v", err)
	}
}

// TestAnchorSilent: an authority that does not answer is asked again, later each
// time, and after a day a person is called.
func TestAnchorSilent(t *testing.T) {
	o, a := stamped(t, 4000)
	clock := &hands{t: time.Now()}
	waits, tick := make(chan time.Duration), make(chan time.Time)
	o.Now, o.Daemon, o.Config.Roots = clock.now, true, nil
	ctx, cancel := context.WithCancel(context.Background())
	o.anchorAfter = func(d time.Duration) <-chan time.Time {
		select {
		case waits <- d:
		case <-ctx.Done():
		}
		return tick
	}
	a.Break(testbench.TSADown)
	s := openStation(t, o)
	ended := make(chan error, 1)
	go func() { ended <- s.anchorAlways(ctx) }()
	for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if got := <-waits; got != want {
			t.Errorf("asked again after %s, want %s", got, want)
		}
		if _, silent := s.alarms.stands("tsa_silent"); silent {
			t.Error("an alarm at once")
		}
		ring(s.anchors.rung) // a docking is no reason to ask sooner
		tick <- time.Time{}
	}
	<-waits
	clock.move(25 * time.Hour)
	tick <- time.Time{}
	<-waits
	if al, silent := s.alarms.stands("tsa_silent"); !silent || !strings.Contains(al.Text, "no time stamp since") {
		t.Errorf("after a day: %+v", al)
	}
	if a.Fired(testbench.TSADown) != 5 {
		t.Errorf("it fired %d times", a.Fired(testbench.TSADown))
	}
	a.Break("")
	tick <- time.Time{}
	if got := <-waits; got != time.Hour {
		t.Errorf("after a stamp: %s", got)
	}
	if _, silent := s.alarms.stands("tsa_silent"); silent || len(anchorsIn(t, s)) != 1 {
		t.Errorf("the alarm stands, or %+v", anchorsIn(t, s))
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestAnchorSilentAlone: without a daemon it is the next look at the dock that
// tells of it.
func TestAnchorSilentAlone(t *testing.T) {
	o, a := stamped(t, 4000)
	clock := &hands{t: time.Now()}
	o.Now = clock.now
	a.Break(testbench.TSADown)
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	take(t, s, cam, clip.Tags{})
	if got := codes(t, s); len(got) != 0 || a.Fired(testbench.TSADown) != 1 {
		t.Errorf("at once: %v", got)
	}
	clock.move(25 * time.Hour)
	if got := codes(t, s); len(got) != 1 || got[0] != "tsa_silent" {
		t.Errorf("after a day: %v", got)
	}
	a.Break("")
	if _, err := s.Anchor(context.Background()); err != nil || len(codes(t, s)) != 0 {
		t.Errorf("stamped: %v, %v", err, codes(t, s))
	}
}

// TestAnchorSlow: while an authority takes its time, cameras are read as ever.
func TestAnchorSlow(t *testing.T) {
	o, a := stamped(t, 400)
	o.Daemon, o.Config.Roots = true, nil
	a.Break(testbench.TSASlow)
	s := openStation(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.anchorAlways(ctx) }()
	select {
	case <-a.Met():
	case <-time.After(testbench.Patience):
		t.Fatal("nobody was asked")
	}
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 1 || a.Fired(testbench.TSASlow) != 1 {
		t.Errorf("%+v, asked %d times", sum, a.Fired(testbench.TSASlow))
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestAnchorRenewed: before the certificate of the last stamp ends another one is
// made, over the log that names the last one, though nothing else came.
func TestAnchorRenewed(t *testing.T) {
	o, a := stamped(t, 100)
	clock := &hands{t: time.Now()}
	o.Now = clock.now
	s := openStation(t, o)
	first, err := s.Anchor(context.Background())
	if err != nil || !first.Made {
		t.Fatalf("%+v, %v", first, err)
	}
	clock.move(9 * 24 * time.Hour)
	if v, err := s.Anchor(context.Background()); err != nil || v.Made {
		t.Errorf("91 days before: %+v, %v", v, err)
	}
	clock.move(2 * 24 * time.Hour)
	v, err := s.Anchor(context.Background())
	if err != nil || !v.Made || v.Size <= first.N || a.Asked() != 2 {
		t.Errorf("89 days before: %+v, %v", v, err)
	}
}

// TestAnchorBehind: a store whose checkpoint does not cover an anchor yet gets none
// of its files: a larger checkpoint would look like a log that was cut short.
func TestAnchorBehind(t *testing.T) {
	o, _ := stamped(t, 400)
	url, _ := away(t)
	o.Config.Stores = []configs.Store{storeAt(url)}
	s := openStation(t, o)
	if v, err := s.Anchor(context.Background()); err == nil {
		t.Fatalf("no store is there: %+v", v)
	}
	if len(anchorsIn(t, s)) != 1 {
		t.Fatal("a store that is away keeps the log from its stamp")
	}
	dir := t.TempDir()
	st, err := openDir(t.Context(), StoreRequest{Store: storeAt("file://" + dir), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.showAnchors(t.Context(), s.centrals()[0], st); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "log")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("files came before their checkpoint: %v", err)
	}
}

// TestAnchorLateStore: a store that was away has all anchors once it is back.
func TestAnchorLateStore(t *testing.T) {
	o, _ := stamped(t, 400)
	near := filepath.Join(t.TempDir(), "near")
	far, come := away(t)
	o.Config.Stores = []configs.Store{{Name: "near", URL: "file://" + near}, {Name: "far", URL: far}}
	o.Config.Copies.Stored = 1
	s := openStation(t, o)
	cam := t.TempDir()
	for _, name := range []string{"a", "b"} {
		write(t, filepath.Join(cam, name+".mp4"), name)
		if _, _, err := try(t, s, cam, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	come()
	anchors := anchorsIn(t, s)
	if len(anchors) != 2 {
		t.Fatalf("%+v", anchors)
	}
	last := filepath.Join(strings.TrimPrefix(far, "file://"), filepath.FromSlash(manifest.LogPath(s.log, anchors[1].files()[1][0])))
	until(t, s, "shown", func(Status) bool {
		_, err := os.Stat(last)
		return err == nil
	})
	for _, a := range anchors {
		for _, f := range a.files() {
			if !bytes.Equal(inStore(t, s, near, f[0]), inStore(t, s, strings.TrimPrefix(far, "file://"), f[0])) {
				t.Errorf("%s differs", f[0])
			}
		}
	}
}

// TestAnchorCosigned: what witnesses give is what is stamped; without an authority
// it is anchored all the same, and other bytes of theirs are not believed.
func TestAnchorCosigned(t *testing.T) {
	o, a := stamped(t, 400)
	var give func(note []byte) ([]byte, error)
	o.Cosign = func(_ context.Context, _ int64, note []byte) ([]byte, error) { return give(note) }
	s := openStation(t, o)
	cam := t.TempDir()
	round := func(name string) []anchor {
		write(t, filepath.Join(cam, name+".mp4"), name)
		take(t, s, cam, clip.Tags{})
		return anchorsIn(t, s)
	}
	give = func([]byte) ([]byte, error) { return []byte("something else"), nil }
	if got := round("a"); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	signed := "— witness.example AAAAAAAAAAAAAAAA\n"
	give = func(note []byte) ([]byte, error) {
		return append(bytes.Clone(note), signed...), errors.New("another one is away")
	}
	a.Break(testbench.TSADown)
	got := round("b")
	if len(got) != 2 || got[1].TSR != "" || a.Fired(testbench.TSADown) == 0 {
		t.Fatalf("%+v", got)
	}
	if note := inStore(t, s, filepath.Join(s.state, "central"), checkpointName(got[1].Size)); !strings.HasSuffix(string(note), signed) {
		t.Errorf("%q", note)
	}
	if _, err := s.Anchor(context.Background()); err == nil || len(anchorsIn(t, s)) != 2 {
		t.Errorf("an anchor of an anchor: %v", err)
	}
	a.Break("")
	if v, err := s.Anchor(context.Background()); err != nil || v.TSR == "" {
		t.Errorf("%+v, %v", v, err)
	}
}
