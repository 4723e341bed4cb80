package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

func (a *app) viewCmd() *cobra.Command {
	var r ingest.ViewRequest
	cmd := &cobra.Command{
		Use:   "view CLIP --reason R",
		Short: a.say("cmd.view"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Clip = args[0]
			span, err := parseRange(r.Range)
			switch {
			case err != nil:
				return err
			case r.Reason == "":
				return usagef("say why with --reason: it is recorded")
			case width(a.out) > 0:
				return usagef("a clip is no text for a terminal: write it to a file or a player, with > or |")
			}
			return a.view(cmd.Context(), r, span)
		},
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", a.say("flag.reason.view"))
	cmd.Flags().StringVar(&r.Range, "range", "", a.say("flag.range"))
	return cmd
}

// span is part of a clip in bytes; to is the last one, -1 for the clip's last.
type span struct{ from, to int64 }

var rangeForm = regexp.MustCompile(`^([0-9]{1,18})-([0-9]{1,18})?$`)

// parseRange reads A-B, first and last byte, or A-; all of it is "".
func parseRange(s string) (*span, error) {
	if s == "" {
		return nil, nil
	}
	m := rangeForm.FindStringSubmatch(s)
	if m == nil {
		return nil, usagef("--range %s: write the first and the last byte, such as 0-1023, or 1024-", message.Safe(s))
	}
	r := &span{to: -1}
	r.from, _ = strconv.ParseInt(m[1], 10, 64)
	if m[2] != "" {
		r.to, _ = strconv.ParseInt(m[2], 10, 64)
		if r.to < r.from {
			return nil, usagef("--range %s: it ends before it begins", message.Safe(s))
		}
	}
	return r, nil
}

// view records first that somebody looks, and then gives the bytes. They are
// opened before: who cannot read them looks at nothing.
func (a *app) view(ctx context.Context, r ingest.ViewRequest, part *span) error {
	var f store.File
	var digest clip.Digest
	done := func() {}
	err := a.with(ctx, false, func(desk console.Desk) error {
		d, err := desk.Show(ctx, r.Clip)
		if err != nil {
			return err
		}
		r.Clip = d.Clip
		if part != nil && part.from >= d.Size {
			return usagef("--range %s: %s has %d bytes", message.Safe(r.Range), d.Clip, d.Size)
		}
		if digest, err = clip.ParseDigest(d.SHA256); err != nil {
			return err
		}
		if f, done, err = a.openClip(ctx, desk, d); err != nil {
			return err
		}
		return desk.View(ctx, r)
	})
	defer func() { done() }()
	if err != nil {
		return err
	}
	if part != nil {
		return a.give(f, *part)
	}
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(a.out, h), f); err != nil {
		return fmt.Errorf("view %s: %w", r.Clip, err)
	}
	if clip.Digest(h.Sum(nil)) != digest {
		return &verify.MismatchError{Cause: fmt.Sprintf("what the store gave of %s, and was just written, is not the clip", r.Clip)}
	}
	return nil
}

// give writes part of a clip, which no digest covers.
func (a *app) give(f store.File, part span) error {
	last := f.Info().Size - 1
	if part.to >= 0 {
		last = min(last, part.to)
	}
	if _, err := io.Copy(a.out, io.NewSectionReader(f, part.from, last-part.from+1)); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	_, err := fmt.Fprintln(a.err, a.say("view.part"))
	return err
}

// openClip opens a clip in the first of its stores that gives it. done closes
// both, and is never nil.
func (a *app) openClip(ctx context.Context, desk console.Desk, d ingest.ClipDetail) (f store.File, done func(), err error) {
	done = func() {}
	digest, err := clip.ParseDigest(d.SHA256)
	if err != nil {
		return nil, done, err
	}
	st, err := desk.Status(ctx)
	if err != nil {
		return nil, done, err
	}
	err = fmt.Errorf("view %s: no store has it yet: see custodock status, and try again when nothing waits", d.Clip)
	for _, cfg := range a.cfg.Stores {
		holds := func(q ingest.QueueStatus) bool { return q.URL == cfg.URL && slices.Contains(d.Stores, q.Store) }
		if !slices.ContainsFunc(st.Queue, holds) {
			continue
		}
		var r reader
		if r, err = a.reader(ctx, cfg); err != nil {
			continue
		}
		if f, err = r.Open(ctx, store.Name(digest), ""); err == nil {
			return f, func() { _ = errors.Join(f.Close(), r.Close()) }, nil
		}
		_ = r.Close()
	}
	return nil, done, err
}
