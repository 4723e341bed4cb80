package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/custodock/custodock/manifest"
)

// againEntries is how far back a badge is looked for: a month and more of a dock
// with thirty bays.
const againEntries = 1 << 16

// receiptNumber is by what a receipt is asked for again: the number of its
// docking.opened and four digits of that entry's nonce, so that who counts
// upwards finds nobody else's.
func receiptNumber(opened manifest.Entry) string {
	check, err := strconv.ParseUint(opened.Nonce[:min(8, len(opened.Nonce))], 16, 32)
	if err != nil {
		return strconv.FormatInt(opened.N, 10)
	}
	return fmt.Sprintf("%d-%04d", opened.N, check%10_000)
}

// ReceiptAgain is Receipt for somebody whose role nobody knows, who says what
// only an officer of that docking has: the number of its receipt, or the badge of
// a collector of its clips. A badge finds the docking of its newest clips, or one
// that is so many dockings earlier.
func (s *Station) ReceiptAgain(ctx context.Context, code string, earlier int) (ReceiptView, error) {
	if err := s.healthy(); err != nil {
		return ReceiptView{}, err
	}
	closed, opened, err := s.dockingOfBadge(ctx, strings.TrimSpace(code), earlier)
	if errors.Is(err, ErrNoDocking) && earlier == 0 {
		closed, opened, err = s.dockingNumbered(ctx, strings.TrimSpace(code))
	}
	if err != nil {
		return ReceiptView{}, err
	}
	return s.receiptOf(ctx, closed, opened)
}

// dockingNumbered finds the docking that has ended and whose receipt has exactly
// that number.
func (s *Station) dockingNumbered(ctx context.Context, number string) (closed, opened manifest.Entry, err error) {
	none := fmt.Errorf("receipt by its number: %w", ErrNoDocking)
	n, err := strconv.ParseInt(number[:max(0, strings.IndexByte(number, '-'))], 10, 64)
	if err != nil || n < 0 || n >= s.ledger.Size() {
		return closed, opened, none
	}
	raw, err := s.ledger.Entry(n)
	if err == nil {
		opened, err = manifest.ParseEntry(raw)
	}
	if err != nil || opened.Type != "docking.opened" || receiptNumber(opened) != number {
		return closed, opened, errors.Join(err, none)
	}
	for at := n + 1; at < min(s.ledger.Size(), n+againEntries); {
		all, err := s.parsed(ctx, at)
		if err != nil {
			return closed, opened, err
		}
		for _, e := range all {
			if of, ok := e.Fields.Int("docking"); ok && of == n && e.Type == "docking.closed" {
				return e, opened, nil
			}
		}
		at += int64(len(all))
	}
	return closed, opened, none
}

// dockingOfBadge looks from the end of the log for clips that name a badge.
func (s *Station) dockingOfBadge(ctx context.Context, badge string, earlier int) (closed, opened manifest.Entry, err error) {
	seen := badgeSearch{badge: badge, ends: map[int64]manifest.Entry{}, met: map[int64]bool{}}
	size := s.ledger.Size()
	for at := (size - 1) / manifest.TileWidth * manifest.TileWidth; badge != "" && at >= 0 && at > size-againEntries; at -= manifest.TileWidth {
		all, err := s.parsed(ctx, at)
		if err != nil {
			return closed, opened, err
		}
		for _, e := range slices.Backward(all) {
			of, found, err := s.meet(seen, e)
			if err != nil {
				return closed, opened, err
			}
			if !found || len(seen.met) <= earlier {
				continue
			}
			raw, err := s.ledger.Entry(of)
			if err == nil {
				opened, err = manifest.ParseEntry(raw)
			}
			return seen.ends[of], opened, err
		}
	}
	return closed, opened, fmt.Errorf("receipt by badge: %w", ErrNoDocking)
}

// badgeSearch is what was met on the way back through the log.
type badgeSearch struct {
	badge string
	ends  map[int64]manifest.Entry // docking.closed, by docking
	met   map[int64]bool           // dockings that have a clip of the badge
}

// meet looks at one entry, and reports a docking that has ended and was not met
// before. The end of a docking stands behind its clips, so it comes first.
func (s *Station) meet(seen badgeSearch, e manifest.Entry) (docking int64, found bool, err error) {
	of, ok := e.Fields.Int("docking")
	if ok && e.Type == "docking.closed" {
		seen.ends[of] = e
	}
	if _, ended := seen.ends[of]; !ok || !ended || e.Type != "clip.ingested" || seen.met[of] {
		return of, false, nil
	}
	found, err = s.collected(e.N, seen.badge)
	if found {
		seen.met[of] = true
	}
	return of, found, err
}

// collected reports whether the clip of entry n names a badge as a collector's.
func (s *Station) collected(n int64, badge string) (bool, error) {
	r, err := s.rowOf(n)
	if err != nil {
		return false, err
	}
	for _, c := range r.Tags.Collectors {
		if strings.EqualFold(c.Badge, badge) {
			return true, nil
		}
	}
	return false, nil
}

// parsed are entry n and those behind it that share its bundle.
func (s *Station) parsed(ctx context.Context, n int64) ([]manifest.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raws, err := s.ledger.Entries(n)
	if err != nil {
		return nil, err
	}
	all := make([]manifest.Entry, len(raws))
	for i, raw := range raws {
		if all[i], err = manifest.ParseEntry(raw); err != nil {
			return nil, err
		}
	}
	return all, nil
}
