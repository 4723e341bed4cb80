package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/custodock/custodock/manifest"
)

// ViewRequest records that somebody looks at a clip.
type ViewRequest struct {
	Clip   string `json:"clip"`
	Actor  string `json:"actor"`
	Reason string `json:"reason"`
	Range  string `json:"range"` // the bytes that are looked at, such as "0-1023"; "" is all
}

// viewedRecord says why somebody looked at a clip, and at what of it.
type viewedRecord struct {
	Reason string `json:"reason"`
	Range  string `json:"range,omitempty"`
}

// View enters durably that somebody looks at a clip. Its bytes are given out only
// afterwards; a store that is away keeps nobody from looking.
func (s *Station) View(ctx context.Context, r ViewRequest) error {
	if r.Reason == "" {
		return errors.New("view: say why with --reason")
	}
	one, err := s.row(r.Clip)
	if err != nil {
		return err
	}
	draft := manifest.Draft{Type: "clip.viewed", Actor: r.Actor}
	if _, err := s.declare(ctx, []row{one}, draft, viewedRecord{r.Reason, r.Range}); err != nil {
		return fmt.Errorf("view %s: %w", clipName(s.log, one.N), err)
	}
	if !s.o.Daemon {
		if err := s.publishNow(ctx); err != nil {
			s.logger.Warn("publish", "stage", "publish", "err", err)
		}
	}
	return nil
}
