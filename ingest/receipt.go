package ingest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
)

// ErrNoDocking is wrapped when no finished docking is the one that was meant.
var ErrNoDocking = errors.New("no such docking has ended")

// ReceiptView is a receipt and the signed note that it stands in.
type ReceiptView struct {
	Docking   int64  `json:"docking"`
	Device    string `json:"device"`
	Bay       string `json:"bay"`
	Time      string `json:"time"` // of the dock, RFC 3339
	End       string `json:"end"`
	Clips     int64  `json:"clips"`
	Safe      int64  `json:"safe"`
	Central   int64  `json:"central"`
	Confirmed int64  `json:"confirmed"`
	Note      string `json:"note"`
	Number    string `json:"number"` // by which it is asked for again where nobody has a role
}

// Receipt publishes the log and states what is true of one docking now: that of
// its docking.opened entry, or the last that ended of a bay or a camera, or of all
// when which is "".
func (s *Station) Receipt(ctx context.Context, which string) (ReceiptView, error) {
	if err := s.healthy(); err != nil {
		return ReceiptView{}, err
	}
	closed, opened, err := s.lastDocking(which)
	if err != nil {
		return ReceiptView{}, err
	}
	return s.receiptOf(ctx, closed, opened)
}

// receiptOf publishes the log and states what is true of a docking now.
func (s *Station) receiptOf(ctx context.Context, closed, opened manifest.Entry) (ReceiptView, error) {
	clips, err := s.clipsOf(closed, opened)
	if err != nil {
		return ReceiptView{}, fmt.Errorf("receipt of docking %d: %w", opened.N, err)
	}
	if _, err := s.ledger.Seal(ctx); err != nil {
		return ReceiptView{}, fmt.Errorf("receipt of docking %d: seal the log: %w", opened.N, err)
	}
	_ = s.publishNow(ctx) // a store that is away or hangs is no reason to state nothing
	r := manifest.Receipt{
		Origin: manifest.Origin(s.authority, s.log), Time: s.now().UTC(), Docking: opened.N, Device: closed.Fields.Str("device"),
		Bay: opened.Fields.Str("bay"), End: closed.Fields.Str("end"),
	}
	count := func(key string) int64 { n, _ := closed.Fields.Int(key); return n }
	r.Safe = count("read") + count("known")
	r.Clips = max(r.Safe, count("listed")-count("ignored"))
	if r.Central, r.Confirmed, err = s.whereabouts(clips); err != nil {
		return ReceiptView{}, fmt.Errorf("receipt of docking %d: %w", opened.N, err)
	}
	note, err := s.ledger.SignReceipt(r)
	if err != nil {
		return ReceiptView{}, err
	}
	return ReceiptView{
		Docking: r.Docking, Device: r.Device, Bay: r.Bay, Time: formatTime(r.Time), End: r.End,
		Clips: r.Clips, Safe: r.Safe, Central: r.Central, Confirmed: r.Confirmed, Number: receiptNumber(opened), Note: string(note),
	}, nil
}

// lastDocking finds the entries of the end and the beginning of a docking,
// looking from the end of the log.
func (s *Station) lastDocking(which string) (closed, opened manifest.Entry, err error) {
	number, notNumber := strconv.ParseInt(which, 10, 64)
	for from := (s.ledger.Size() - 1) / manifest.TileWidth * manifest.TileWidth; from >= 0; from -= manifest.TileWidth {
		raws, err := s.ledger.Entries(from)
		if err != nil {
			return closed, opened, err
		}
		for i := len(raws) - 1; i >= 0; i-- {
			e, err := manifest.ParseEntry(raws[i])
			if err != nil {
				return closed, opened, err
			}
			n, isDocking := e.Fields.Int("docking")
			if e.Type != "docking.closed" || !isDocking || notNumber == nil && n != number {
				continue
			}
			raw, err := s.ledger.Entry(n)
			if err == nil {
				opened, err = manifest.ParseEntry(raw)
			}
			if err != nil {
				return closed, opened, err
			}
			if notNumber == nil || which == "" || which == e.Fields.Str("device") || which == opened.Fields.Str("bay") {
				return e, opened, nil
			}
		}
	}
	return closed, opened, fmt.Errorf("receipt of %q: %w; name a bay, a camera such as c017, or the number of its docking.opened entry", which, ErrNoDocking)
}

// clipsOf are the clips that a camera had: those entered while it was docked, and
// those that the dock knew. A known one whose path holds another clip by now is
// left out: it counts as waiting.
func (s *Station) clipsOf(closed, opened manifest.Entry) ([]int64, error) {
	var out []int64
	for n := opened.N + 1; n < closed.N; {
		raws, err := s.ledger.Entries(n)
		if err != nil {
			return nil, err
		}
		for _, raw := range raws {
			e, err := manifest.ParseEntry(raw)
			if err != nil {
				return nil, err
			}
			if of, ok := e.Fields.Int("docking"); ok && of == opened.N && e.Type == "clip.ingested" {
				out = append(out, e.N)
			}
		}
		n += int64(len(raws))
	}
	known, err := s.knownOf(closed, opened)
	return append(out, known...), err
}

// knownOf are the clips that a docking found and the dock had already.
func (s *Station) knownOf(closed, opened manifest.Entry) ([]int64, error) {
	var before openedRecord
	var after closedRecord
	for _, one := range []struct {
		n    int64
		into any
	}{{opened.N, &before}, {closed.N, &after}} {
		raw, err := s.ledger.Record(one.n)
		if err == nil {
			err = json.Unmarshal(raw, one.into)
		}
		if err != nil {
			return nil, err
		}
	}
	kind, id, _ := strings.Cut(before.Source, ":")
	var out []int64
	err := s.db.View(func(tx *bbolt.Tx) error {
		for _, f := range after.Before {
			if f.Outcome != StateKnown {
				continue
			}
			path := f.Path
			if raw, err := hex.DecodeString(f.PathHex); err == nil && f.PathHex != "" {
				path = string(raw)
			}
			var last seen
			found, err := catalog{tx}.get(seenBucket, pathKey(clip.Source{Kind: kind, ID: id}, path), &last)
			if err != nil {
				return err
			}
			if found && last.N < closed.N {
				out = append(out, last.N)
			}
		}
		return nil
	})
	return out, err
}

// whereabouts counts the clips that as many stores as the configuration wants
// have, and have been seen to have whole.
func (s *Station) whereabouts(clips []int64) (central, confirmed int64, err error) {
	names := s.storeNames()
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := catalog{tx}
		for _, n := range clips {
			r, err := c.clip(n)
			if err != nil {
				return err
			}
			have, err := c.copies(n, names, "")
			if err != nil {
				return err
			}
			if have >= s.wanted(len(names)) {
				central++
			}
			if len(r.confirmed()) >= max(1, s.conf().Copies.Confirmed) {
				confirmed++
			}
		}
		return nil
	})
	return central, confirmed, err
}
