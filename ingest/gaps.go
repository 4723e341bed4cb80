package ingest

import (
	"context"
	"fmt"

	"github.com/custodock/custodock/manifest"
)

// GapsRequest is what was found missing, or not, among the first Size entries of the
// log, in the lines of a statement about gaps.
type GapsRequest struct {
	Size   int64    `json:"size"`
	Device string   `json:"device,omitempty"` // "" for all
	Result string   `json:"result"`
	Lines  []string `json:"lines"`
	Actor  string   `json:"actor"` // role that had it looked for
}

// SignGaps signs what somebody found in the log, as a statement about exactly these
// entries at this time. Whether it is so anybody can find out from the log; nothing
// is entered.
func (s *Station) SignGaps(_ context.Context, r GapsRequest) (string, error) {
	if err := s.healthy(); err != nil {
		return "", err
	}
	note, err := s.ledger.SignGaps(manifest.Gaps{
		Time: s.now().UTC(), By: r.Actor, Size: r.Size, Device: r.Device, Result: r.Result, Lines: r.Lines,
	})
	if err != nil {
		return "", fmt.Errorf("audit gaps: %w", err)
	}
	return string(note), nil
}
