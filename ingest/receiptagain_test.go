package ingest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/clip"
)

// dockAs takes in a camera with one new clip of that name for an officer.
func dockAs(t *testing.T, s *Station, badge, name string) ReceiptView {
	t.Helper()
	cam := t.TempDir()
	write(t, filepath.Join(cam, name), name)
	take(t, s, cam, clip.Tags{Collectors: []clip.Collector{{Person: "P" + badge, Badge: badge}, {Badge: "both"}}})
	view, err := s.Receipt(t.Context(), "")
	okay(t, err)
	return view
}

// TestReceiptAgain: a badge finds its own dockings, the newest first, a number the
// one it stands on, and nothing else finds any.
func TestReceiptAgain(t *testing.T) {
	s := openStation(t, testOptions(t))
	if _, err := s.ReceiptAgain(t.Context(), "b1", 0); !errors.Is(err, ErrNoDocking) {
		t.Fatalf("of a dock that nothing was docked in: %v", err)
	}
	first, second, third := dockAs(t, s, "B1", "a.mp4"), dockAs(t, s, "7777", "b.mp4"), dockAs(t, s, "B1", "c.mp4")
	for _, c := range []struct {
		code    string
		earlier int
		want    int64 // 0 is none
	}{
		{"b1", 0, third.Docking},
		{" B1\n", 1, first.Docking},
		{"B1", 2, 0},
		{"7777", 0, second.Docking},
		{"7777", 1, 0},
		{"both", 1, second.Docking},
		{first.Number, 0, first.Docking},
		{third.Number, 0, third.Docking},
		{third.Number, 1, 0},
		{"", 0, 0},
		{"B", 0, 0},
		{"PB1", 0, 0}, // a name is no badge
		{first.Device, 0, 0},
		{fmt.Sprint(first.Docking), 0, 0},
		{fmt.Sprint(first.Docking, "-"), 0, 0},
		{fmt.Sprintf("%d-%s", first.Docking, third.Number[strings.IndexByte(third.Number, '-')+1:]), 0, 0},
		{"0" + first.Number, 0, 0},
		{"-1-0000", 0, 0},
		{"9223372036854775807-0000", 0, 0},
	} {
		got, err := s.ReceiptAgain(t.Context(), c.code, c.earlier)
		if c.want == 0 && (!errors.Is(err, ErrNoDocking) || got.Note != "") {
			t.Errorf("%q, %d earlier: docking %d, %v; want none", c.code, c.earlier, got.Docking, err)
		}
		if c.want != 0 && (err != nil || got.Docking != c.want) {
			t.Errorf("%q, %d earlier: docking %d, %v; want %d", c.code, c.earlier, got.Docking, err, c.want)
		}
		if err != nil && c.code != "" && strings.Contains(err.Error(), c.code+" ") {
			t.Errorf("the error tells what was typed: %v", err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.ReceiptAgain(ended, "B1", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("when nobody waits any more: %v", err)
	}
}

// TestReceiptNumberOnTheBay: the bay names the receipt once its docking has ended.
func TestReceiptNumberOnTheBay(t *testing.T) {
	s, root := daemon(t, nil)
	point, _ := dock(t, root, "bay1", 1)
	st := until(t, s, "done", func(st Status) bool { return bayAt(st, point).MayTake })
	view, err := s.ReceiptAgain(t.Context(), bayAt(st, point).Receipt, 0)
	okay(t, err)
	if view.Docking == 0 || view.Number != bayAt(st, point).Receipt || view.Safe != 1 {
		t.Errorf("receipt %+v of bay %+v", view, bayAt(st, point))
	}
}
