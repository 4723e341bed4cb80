package ingest

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// TestSignGaps: the dock signs for entries that it has, in its own name, and nothing
// that contradicts itself.
func TestSignGaps(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "one")
	take(t, s, cam, clip.Tags{})
	r := GapsRequest{Size: s.sealed() - 1, Device: "c001", Result: manifest.GapsUnknown, Actor: "auditor", Lines: []string{
		"device c001 unknown 1 1", "unknown c001 no_numbers 1 -",
	}}
	note, err := s.SignGaps(t.Context(), r)
	okay(t, err)
	v, err := manifest.ParseKey(s.vkey)
	okay(t, err)
	g, err := manifest.OpenGaps([]byte(note), v.Name(), v)
	okay(t, err)
	if g.By != "auditor" || g.Size != r.Size || g.Device != "c001" || g.Time.IsZero() || g.Root == s.ledger.Root() {
		t.Errorf("%+v", g)
	}
	more := r
	more.Size = s.sealed() + 1
	if _, err := s.SignGaps(t.Context(), more); !errors.Is(err, ledger.ErrNoEntry) {
		t.Errorf("of entries that are not there: %v", err)
	}
	denied := r
	denied.Result = manifest.GapsComplete
	if _, err := s.SignGaps(t.Context(), denied); !errors.Is(err, manifest.ErrMalformed) {
		t.Errorf("of a result that its lines deny: %v", err)
	}
}
