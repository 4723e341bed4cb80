package ingest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/store/dir"
	"github.com/custodock/custodock/verify"
)

// proveStore has a store's folder verified, stamps with their chain.
func proveStore(t *testing.T, s *Station, url, roots string) verify.Report {
	t.Helper()
	text, err := os.ReadFile(roots)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := stamp.ParseRoots(text)
	if err != nil {
		t.Fatal(err)
	}
	st, err := dir.Open(strings.TrimPrefix(url, "file://"), dir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	report, err := verify.Store(context.Background(), verify.Options{Store: st, Key: s.vkey, Roots: trusted}, nil)
	if err != nil {
		t.Errorf("%s: %v", url, err)
	}
	return report
}

// TestAnchorAdopted: a dock that lost its state goes on with the anchors of the
// published log, and brings them to a store that is new.
func TestAnchorAdopted(t *testing.T) {
	o, a := stamped(t, 400)
	archive := "file://" + filepath.Join(t.TempDir(), "archive")
	o.Config.Stores = []configs.Store{storeAt(archive)}
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	take(t, s, cam, clip.Tags{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(o.State, "key"))
	if err != nil {
		t.Fatal(err)
	}
	o.State = t.TempDir()
	write(t, filepath.Join(o.State, "key"), string(key))
	if err := os.Chmod(filepath.Join(o.State, "key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(context.Background(), o, RecoverOptions{}); err != nil {
		t.Fatal(err)
	}
	second := configs.Store{Name: "second", URL: "file://" + filepath.Join(t.TempDir(), "second")}
	o.Config.Stores = append(o.Config.Stores, second)
	s = openStation(t, o)
	write(t, filepath.Join(cam, "b.mp4"), "b")
	take(t, s, cam, clip.Tags{})
	anchors := anchorsIn(t, s)
	if len(anchors) != 2 || a.Asked() != 2 {
		t.Fatalf("asked %d times, %+v", a.Asked(), anchors)
	}
	newest := filepath.Join(strings.TrimPrefix(second.URL, "file://"),
		filepath.FromSlash(manifest.LogPath(s.log, checkpointName(anchors[1].Size)+".tsr")))
	until(t, s, "shown", func(Status) bool {
		_, err := os.Stat(newest)
		return err == nil
	})
	for _, url := range []string{archive, second.URL} {
		if r := proveStore(t, s, url, a.Roots); r.Stamps != 2 || r.Stamped != r.Clips || r.Clips != 2 {
			t.Errorf("%s: %+v", url, r)
		}
	}
}

// TestAnchorBegunAnew: where a crash lost the entry of a stamp that a store has
// already, that stamp is the one that is entered.
func TestAnchorBegunAnew(t *testing.T) {
	o, a := stamped(t, 400)
	s := openStation(t, o)
	if err := s.ensureRun(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.publishNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	size, note := s.ledger.Sealed()
	lost := sealed{checkpoint: note}
	if err := s.askAuthorities(t.Context(), &lost); err != nil {
		t.Fatal(err)
	}
	central := filepath.Join(s.state, "central", filepath.FromSlash(manifest.LogPath(s.log, checkpointName(size))))
	write(t, central, string(note))
	write(t, central+".tsr", string(lost.reply))
	v, err := s.Anchor(t.Context())
	if err != nil || v.TSR != digestOf(lost.reply) || a.Asked() != 1 || v.Size != size {
		t.Errorf("asked %d times, %+v, %v", a.Asked(), v, err)
	}
	if r := proveStore(t, s, "file://"+filepath.Join(s.state, "central"), a.Roots); r.Stamps != 1 {
		t.Errorf("%+v", r)
	}
}
