package main

import (
	"context"
	"fmt"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

// choose names the clips of an export, all those of its case among them, and
// refuses what no store has yet: their package would have holes. Where only
// derived files leave, clips of a case that have none stay behind, and are told.
func (a *app) choose(ctx context.Context, desk console.Desk, r *ingest.ExportRequest) error {
	names := r.Clips
	if r.Case != "" {
		err := desk.Clips(ctx, ingest.Filter{Case: r.Case}, func(c ingest.ClipView) error {
			names = append(names, c.Clip)
			return nil
		})
		if err != nil {
			return err
		}
	}
	asked := len(r.Clips)
	r.Clips = r.Clips[:0:0]
	for i, name := range names {
		d, err := desk.Show(ctx, name)
		if err != nil {
			return err
		}
		leaves, err := leaving(d, r.Only)
		switch {
		case err != nil:
			return err
		case leaves:
			r.Clips = append(r.Clips, d.Clip)
		case i < asked:
			return fmt.Errorf("export %s: it has no derived file of kind %s: make one, and enter it with custodock derive", d.Clip, r.Only)
		default:
			if err := a.println(a.say("export.without", d.Clip, a.say("derived."+r.Only))); err != nil {
				return err
			}
		}
	}
	if r.Case != "" && len(r.Clips) == 0 {
		return fmt.Errorf("export case %s: %w in it", message.Safe(r.Case), ingest.ErrNoClip)
	}
	r.Case = ""
	return nil
}

// leaving reports whether a clip has what leaves; all of that must be in a store.
func leaving(d ingest.ClipDetail, only string) (bool, error) {
	wait := func(name string) error {
		return fmt.Errorf("export %s: it is not in a store yet: see custodock status, and try again when nothing waits", name)
	}
	found := only == ""
	if found && d.State != ingest.StateStored {
		return false, wait(d.Clip)
	}
	for _, made := range d.Derived {
		if only != "" && made.Kind != only {
			continue
		}
		if found = true; made.State != ingest.StateStored {
			return false, wait(made.Entry)
		}
	}
	return found, nil
}
