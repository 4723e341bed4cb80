package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) exportCmd() *cobra.Command {
	var r ingest.ExportRequest
	var out string
	var zip bool
	cmd := &cobra.Command{
		Use:   "export CLIP…|--case C -o DIR --reason R --for WHO [--zip]",
		Short: a.say("cmd.export"),
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Clips = args
			switch {
			case r.Only != "" && !slices.Contains(ingest.Kinds, r.Only):
				return usagef("--only %s: say one of %s", message.Safe(r.Only), strings.Join(ingest.Kinds, ", "))
			case len(args) == 0 && r.Case == "":
				return usagef("nothing to export: name clips, or a case with --case")
			case out == "":
				return usagef("name the folder to make with -o")
			case r.Reason == "" || r.For == "":
				return usagef("say why and for whom with --reason and --for: both are recorded")
			}
			dir, err := filepath.Abs(out)
			if err != nil {
				return fmt.Errorf("export to %s: %w", message.Safe(out), err)
			}
			return a.export(cmd.Context(), r, a.bundleOptions(dir, zip))
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&r.Case, "case", "", a.say("flag.export.case"))
	fl.StringVarP(&out, "output", "o", "", a.say("flag.output"))
	fl.StringVar(&r.Only, "only", "", a.say("flag.only"))
	fl.BoolVar(&zip, "zip", false, a.say("flag.zip"))
	fl.StringVar(&r.Reason, "reason", "", a.say("flag.reason.export"))
	fl.StringVar(&r.For, "for", "", a.say("flag.for"))
	return cmd
}

// bundleOptions are what does not depend on the clips. Pictures and print are
// made where the machine has the programs.
func (a *app) bundleOptions(dir string, zip bool) bundle.Options {
	return bundle.Options{
		Dir: dir, Zip: zip, SM3: a.cfg.SM3, Version: version(), Now: a.now,
		FFmpeg: installed("ffmpeg"), Chromium: installed(printers...),
		Problem: func(err error) {
			if !a.flags.quiet {
				_, _ = fmt.Fprintln(a.err, "custodock: "+a.say("export.lacks", message.Line(err.Error())))
			}
		},
	}
}

// printers are the programs that may print a certificate, the best first: a Chromium
// that has no windows, as Debian and as Chrome for Testing call it, starts with a third
// of the work. They print the same.
var printers = []string{"chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome"}

// installed is the absolute path of the first program that is there, "" for none.
func installed(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil && filepath.IsAbs(path) {
			return path
		}
	}
	return ""
}

// export records first that the clips leave, publishes that, and then writes
// them: a package that was made and not recorded must not exist.
func (a *app) export(ctx context.Context, r ingest.ExportRequest, o bundle.Options) error {
	if err := o.Vacant(); err != nil {
		return fmt.Errorf("export: %w", bare(err))
	}
	from, err := a.release(ctx, r, &o)
	if from != nil {
		defer func() { _ = from.Close() }()
	}
	if err != nil {
		return err
	}
	if len(o.Clips) == 0 {
		return fmt.Errorf("export case %s: %w in it", message.Safe(r.Case), ingest.ErrNoClip)
	}
	if err := bundle.Write(ctx, o); err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"dir": o.Place(), "clips": o.Clips, "left_out": append([]string{}, o.Left...), "key": o.Key})
	}
	for _, name := range o.Left {
		if err := a.println(a.say("export.left", name)); err != nil {
			return err
		}
	}
	check := a.say("export.check", shellQuote(o.Place()), shellQuote(o.Key))
	if o.Zip {
		check = a.say("export.check.zip", shellQuote(o.Place()), shellQuote(o.Key))
	}
	return errors.Join(a.println(a.sayN("export.done", len(o.Clips), message.Safe(o.Place()))), a.println(check))
}

// release asks the dock for the clips: they are in a store that can be read, and
// that they leave is entered and published when it returns without error.
func (a *app) release(ctx context.Context, r ingest.ExportRequest, o *bundle.Options) (from reader, err error) {
	err = a.with(ctx, false, func(desk console.Desk) error {
		if o.Key, err = desk.Key(ctx); err != nil {
			return err
		}
		if err := a.choose(ctx, desk, &r); err != nil {
			return err
		}
		size, err := publishedSize(ctx, desk, o.Key)
		if err != nil {
			return err
		}
		if from, err = a.shownBy(ctx, o.Key, size); err != nil {
			return err
		}
		o.Store, o.Only = from, r.Only
		if o.Clips, err = desk.Export(ctx, r); err != nil {
			return err
		}
		if o.Left, err = leftOut(ctx, desk, o.Clips); err != nil {
			return err
		}
		if size, err = publishedSize(ctx, desk, o.Key); err != nil {
			return err
		}
		return awaitShown(ctx, from, o.Key, size)
	})
	return from, err
}

// leftOut names the parts of the clips' recordings that are not among them.
func leftOut(ctx context.Context, desk console.Desk, clips []string) (left []string, err error) {
	type take struct{ source, folder, role, id string }
	of := func(c ingest.ClipView) take { return take{c.Source, path.Dir(c.Path), c.Role, c.Tags.Recording.ID} }
	takes := map[take]bool{}
	for _, name := range clips {
		d, err := desk.Show(ctx, name)
		if err != nil {
			return nil, err
		}
		if d.Tags.Recording != nil {
			takes[of(d.ClipView)] = true
		}
	}
	if len(takes) == 0 {
		return nil, nil
	}
	err = desk.Clips(ctx, ingest.Filter{}, func(c ingest.ClipView) error {
		if c.Tags.Recording != nil && takes[of(c)] && !slices.Contains(clips, c.Clip) {
			left = append(left, c.Clip)
		}
		return nil
	})
	return left, err
}
