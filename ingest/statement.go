package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/tag"
)

// Tag appends one clip.tagged entry for each clip named, and for the other
// parts of its recording unless the request is narrow or speaks of an interval.
func (s *Station) Tag(ctx context.Context, r TagRequest) ([]Stamp, error) {
	if err := tag.Validate(r.Change); err != nil {
		return nil, err
	}
	var targets []row
	for _, name := range r.Clips {
		one, err := s.row(name)
		if err != nil {
			return nil, err
		}
		parts := []row{one}
		if !r.Narrow && r.Change.FromMS == nil && r.Change.ToMS == nil {
			if parts, err = s.recording(one); err != nil {
				return nil, err
			}
		}
		targets = append(targets, parts...)
	}
	r.Change.Sources = nil
	change := tag.Attribute(r.Change, r.By)
	stamps, err := s.declare(ctx, unique(targets), manifest.Draft{Type: "clip.tagged", Actor: r.Actor}, tagged{Tags: change, Reason: r.Reason})
	if err == nil && !s.o.Daemon {
		if err := s.publishNow(ctx); err != nil {
			s.logger.Warn("publish", "stage", "publish", "err", err)
		}
	}
	return stamps, err
}

// exportedRecord says why clips left the dock, and for whom.
type exportedRecord struct {
	Reason string `json:"reason"`
	For    string `json:"for"`
	Only   string `json:"only,omitempty"`
}

// Export enters that clips leave the dock, publishes that and returns their
// names. The clips are read only afterwards.
func (s *Station) Export(ctx context.Context, r ExportRequest) ([]string, error) {
	if r.Reason == "" || r.For == "" {
		return nil, errors.New("export: say why and for whom with --reason and --for")
	}
	var targets []row
	for _, name := range r.Clips {
		one, err := s.row(name)
		if err != nil {
			return nil, err
		}
		targets = append(targets, one)
	}
	if r.Case != "" {
		err := s.Clips(ctx, Filter{Case: r.Case}, func(v ClipView) error {
			one, err := s.row(v.Clip)
			targets = append(targets, one)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	targets = unique(targets)
	if r.Only != "" && !slices.Contains(Kinds, r.Only) {
		return nil, fmt.Errorf("export: %q is no kind: say one of %v", r.Only, Kinds)
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("export: %w: no clip has that case", ErrNoClip)
	}
	if err := s.publishNow(ctx); err != nil {
		return nil, fmt.Errorf("export: no store can be read: %w", err)
	}
	stamps, err := s.declare(ctx, targets, manifest.Draft{Type: "clip.exported", Actor: r.Actor}, exportedRecord{r.Reason, r.For, r.Only})
	if err != nil {
		return nil, err
	}
	if err := s.publishNow(ctx); err != nil {
		return nil, err
	}
	s.anchorExport(ctx)
	names := make([]string, len(stamps))
	for i, st := range stamps {
		names[i] = st.Clip
	}
	return names, nil
}

// anchorExport has the checkpoint that covers an export cosigned and stamped, where
// somebody is configured to do that. A package without says so: it does not wait
// longer than a docking would.
func (s *Station) anchorExport(ctx context.Context) {
	if !s.anchored() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, anchorLast)
	defer cancel()
	if _, err := s.Anchor(ctx); err != nil {
		s.logger.Warn("stamp export", "stage", "export", "err", err)
	}
}

func unique(rows []row) []row {
	seen := map[int64]bool{}
	out := rows[:0]
	for _, r := range rows {
		if !seen[r.N] {
			seen[r.N] = true
			out = append(out, r)
		}
	}
	return out
}

// declare appends the same statement about each clip in one transaction, every
// one with a record and nonce of its own.
func (s *Station) declare(ctx context.Context, rows []row, draft manifest.Draft, record any) ([]Stamp, error) {
	var stamps []Stamp
	err := s.commit(ctx, func(tx *ledger.Tx) error {
		stamps = nil
		for _, r := range rows {
			rec, err := manifest.NewRecord(record)
			if err != nil {
				return err
			}
			d := draft
			d.Record = rec
			d.Fields = manifest.Object{"clip": clipName(s.log, r.N), "leaf": r.Leaf}
			e, err := s.append(tx, d)
			if err != nil {
				return err
			}
			stamps = append(stamps, Stamp{Clip: clipName(s.log, r.N), Log: s.log, N: e.N})
		}
		return nil
	})
	s.markDirty()
	return stamps, err
}
