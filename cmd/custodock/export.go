package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/verify"
)

func (a *app) exportCmd() *cobra.Command {
	var r ingest.ExportRequest
	var out string
	cmd := &cobra.Command{
		Use:   "export CLIP…|--case C -o DIR --reason R --for WHO",
		Short: a.say("cmd.export"),
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Clips = args
			switch {
			case len(args) == 0 && r.Case == "":
				return usagef("nothing to export: name clips, or a case with --case")
			case out == "":
				return usagef("name the folder to make with -o")
			case r.Reason == "" || r.For == "":
				return usagef("say why and for whom with --reason and --for: both are recorded")
			}
			return a.export(cmd.Context(), r, out)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&r.Case, "case", "", a.say("flag.export.case"))
	fl.StringVarP(&out, "output", "o", "", a.say("flag.output"))
	fl.StringVar(&r.Reason, "reason", "", a.say("flag.reason.export"))
	fl.StringVar(&r.For, "for", "", a.say("flag.for"))
	return cmd
}

// export records first that the clips leave, publishes that, and then writes
// them: a package that was made and not recorded must not exist.
func (a *app) export(ctx context.Context, r ingest.ExportRequest, out string) error {
	dir, err := freshDir(out)
	if err != nil {
		return err
	}
	var key string
	var clips []string
	var from reader
	err = a.with(ctx, false, func(desk console.Desk) error {
		if key, err = desk.Key(ctx); err != nil {
			return err
		}
		if err := stored(ctx, desk, r); err != nil {
			return err
		}
		if _, err = desk.Checkpoint(ctx); err != nil {
			return err
		}
		if from, err = a.shownBy(ctx, key); err != nil {
			return err
		}
		if clips, err = desk.Export(ctx, r); err != nil {
			return err
		}
		_, err = desk.Checkpoint(ctx)
		return err
	})
	if from != nil {
		defer func() { _ = from.Close() }()
	}
	if err != nil {
		return err
	}
	if len(clips) == 0 {
		return fmt.Errorf("export case %s: %w in it", message.Safe(r.Case), ingest.ErrNoClip)
	}
	err = bundle.Write(ctx, bundle.Options{Store: from, Key: key, Clips: clips, Dir: dir, Version: version(), Now: a.now})
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"dir": dir, "clips": clips, "key": key})
	}
	return errors.Join(
		a.println(a.sayN("export.done", len(clips), message.Safe(dir))),
		a.println(a.say("export.check", shellQuote(dir), shellQuote(key))),
	)
}

// freshDir is absolute, and holds nothing yet.
func freshDir(out string) (string, error) {
	dir, err := filepath.Abs(out)
	if err != nil {
		return "", fmt.Errorf("export to %s: %w", message.Safe(out), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("export to %s: %w", message.Safe(out), bare(err))
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("export to %s: the folder is not empty: name a new one", message.Safe(out))
	}
	return dir, nil
}

// stored refuses clips that no store has yet: their package would have holes.
func stored(ctx context.Context, desk console.Desk, r ingest.ExportRequest) error {
	check := func(c ingest.ClipView) error {
		if c.State == ingest.StateStored {
			return nil
		}
		return fmt.Errorf("export %s: it is not in a store yet: see custodock status, and try again when nothing waits", c.Clip)
	}
	for _, id := range r.Clips {
		d, err := desk.Show(ctx, id)
		if err != nil {
			return err
		}
		if err := check(d.ClipView); err != nil {
			return err
		}
	}
	if r.Case == "" {
		return nil
	}
	return desk.Clips(ctx, ingest.Filter{Case: r.Case}, check)
}

// shownBy opens the first store that shows the log, before it is entered that
// anything leaves: who cannot read a store takes nothing from it.
func (a *app) shownBy(ctx context.Context, key string) (reader, error) {
	var errs []error
	for _, s := range a.cfg.Stores {
		r, err := openReader(ctx, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err = verify.Open(ctx, verify.Options{Store: r, Key: key}); err == nil {
			return r, nil
		}
		_ = r.Close()
		errs = append(errs, fmt.Errorf("export from %s: %w", s.URL, err))
	}
	return nil, errors.Join(errs...)
}
