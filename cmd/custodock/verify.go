package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

var clipName = regexp.MustCompile(`^[a-z][a-z0-9]{2,15}-(0|[1-9][0-9]{0,17})$`)

// fileCheck is how one file is checked against a log, as verify.File does.
type fileCheck func(ctx context.Context, o verify.Options, file string, each func(verify.Result) error) (verify.Report, error)

// verifyCall is what one verify command is asked.
type verifyCall struct {
	key, from  string
	revoked    string // file
	policyFile string
	policy     *manifest.Policy // nil: none is wanted
	roots      string           // file
	all        bool
	span       verify.Span
	resume     string // file that says how far an earlier run came

	gaps         fileCheck // of a statement about gaps
	clips, files []string
}

func (a *app) verifyCmd() *cobra.Command {
	var c verifyCall
	var part string
	cmd := &cobra.Command{
		Use:   "verify [CLIP…|FILE…|--all]",
		Short: a.say("cmd.verify"),
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.sort(args); err != nil {
				return err
			}
			if err := c.part(part); err != nil {
				return err
			}
			if err := c.readPolicy(); err != nil {
				return err
			}
			return a.verify(cmd.Context(), c)
		},
	}
	cmd.Flags().BoolVar(&c.all, "all", false, a.say("flag.all"))
	cmd.Flags().StringVar(&c.key, "key", "", a.say("flag.key"))
	cmd.Flags().StringVar(&c.from, "from", "", a.say("flag.from"))
	cmd.Flags().StringVar(&c.revoked, "revoked", "", a.say("flag.revoked"))
	cmd.Flags().StringVar(&c.policyFile, "policy", "", a.say("flag.policy"))
	cmd.Flags().StringVar(&part, "range", "", a.say("flag.verify.range"))
	cmd.Flags().StringVar(&c.resume, "resume", "", a.say("flag.resume"))
	cmd.Flags().StringVar(&c.roots, "tsa-roots", "", a.say("flag.tsa_roots"))
	return cmd
}

// sort tells clips from files. A name of the form of a clip is a clip, unless
// it is written with a slash.
func (c *verifyCall) sort(args []string) error {
	if c.all && len(args) > 0 {
		return usagef("--all means every clip: give it, or names")
	}
	for _, arg := range args {
		if clipName.MatchString(arg) {
			c.clips = append(c.clips, arg)
			continue
		}
		if _, err := os.Lstat(arg); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("verify %s: it is no clip (they look like dk3v9q-42), and no such file is here", message.Safe(arg))
		}
		c.files = append(c.files, arg)
	}
	loose := ""
	for _, file := range c.files {
		if !isFolder(file) && !verify.IsZip(file) {
			loose = file
		}
	}
	switch {
	case c.from != "" && isPackage(c.from):
		return usagef("--from %s: this is an evidence package: custodock verify %s --key KEY", message.Safe(c.from), shellQuote(c.from))
	case c.from != "" && c.key == "":
		return usagef("--from needs --key: a key that lies beside the evidence proves nothing; ask the dock's admin for it")
	case c.revoked != "" && c.key == "":
		return usagef("--revoked goes with the authority's key: --key")
	case c.key != "" && c.from == "" && (len(c.clips) > 0 || len(c.files) == 0):
		return usagef("--key needs --from, the store to read: file:///path")
	case c.key != "" && c.from == "" && loose != "":
		return usagef("%s is no package: name the store whose log knows it with --from", message.Safe(loose))
	}
	return nil
}

// verify proves what was asked from the dock's own stores, or from --from with
// --key, for which no state is opened.
func (a *app) verify(ctx context.Context, c verifyCall) error {
	roots, err := tsaRoots(c.roots)
	if err != nil {
		return err
	}
	p := a.newVerifyPrinter()
	c.gaps = a.checkGaps()
	p.named = len(c.clips)+len(c.files) > 0
	if c.key != "" {
		auth, err := a.issuer(c)
		switch {
		case err != nil:
			return err
		case auth != nil && (c.resume != "" || !c.span.Whole()):
			return usagef("--range and --resume are of one log: give the key of that dock")
		case auth != nil:
			return a.verifyEndorsed(ctx, c, *auth, roots)
		}
		o, done, err := a.foreign(ctx, c)
		if err != nil {
			return err
		}
		defer done()
		o.Roots, o.Span = roots, c.span
		if c.resume != "" {
			if p.note, err = resumable(ctx, c.resume, &o, c.from, a.now()); err != nil {
				return err
			}
		}
		return p.run(ctx, []verify.Options{o}, c)
	}
	stores, done, err := a.own(ctx)
	if errors.Is(err, ingest.ErrNoState) && len(c.files) > 0 {
		return usagef("give --key, the verifier key from the dock's admin: no dock lives in %s that would know it", message.Safe(a.state))
	}
	if err != nil {
		return err
	}
	defer done()
	var all []store.Reader
	for i := range stores {
		stores[i].Roots = roots
		all = append(all, stores[i].Store)
	}
	c.gaps = a.checkGaps(all...)
	return p.run(ctx, stores, c)
}

// dock is the dock of this state as others see it.
type dock struct {
	key, log string
	names    map[string]string // of stores by their URL, as the log says
}

// dock publishes what the dock has, and says who it is.
func (a *app) dock(ctx context.Context) (d dock, err error) {
	d.names = map[string]string{}
	return d, a.with(ctx, false, func(desk console.Desk) error {
		s, err := desk.Status(ctx)
		if err != nil {
			return err
		}
		if d.key, err = desk.Key(ctx); err != nil {
			return err
		}
		d.log = s.Log
		for _, q := range s.Queue {
			d.names[q.URL] = q.Store
		}
		_, err = desk.Checkpoint(ctx)
		return err
	})
}

// spool is where the dock has what waits for a store.
func (a *app) spool() string { return filepath.Join(a.state, "spool") }

// own opens each store of the dock for reading.
func (a *app) own(ctx context.Context) (out []verify.Options, done func(), err error) {
	d, err := a.dock(ctx)
	if err != nil {
		return nil, nil, err
	}
	var readers []reader
	done = func() {
		for _, r := range readers {
			_ = r.Close()
		}
	}
	for _, s := range a.cfg.Stores {
		r, err := a.reader(ctx, s)
		if err != nil {
			done()
			return nil, nil, err
		}
		readers = append(readers, r)
		out = append(out, verify.Options{
			Store: r, StoreName: d.names[s.URL], Log: d.log, Key: d.key, Spool: a.spool(),
		})
	}
	return out, done, nil
}

// checkOne runs what was asked against one store.
func checkOne(ctx context.Context, o verify.Options, c verifyCall, each func(verify.Result) error) (verify.Report, error) {
	var total verify.Report
	var bad error
	o.Policy = c.policy
	if len(c.files) == 0 || len(c.clips) > 0 {
		o.Clips = c.clips
		report, err := verify.Store(ctx, o, each)
		if !errors.Is(err, verify.ErrMismatch) && err != nil {
			return report, err
		}
		total, bad = report, unproved(o, report, err)
	}
	for _, file := range c.files {
		o.Clips = nil
		stranger := ""
		check := verify.File
		if verify.IsGaps(file) {
			check = c.gaps
		}
		report, err := check(ctx, o, file, func(r verify.Result) error {
			if r.Clip == "" && r.Result == verify.Mismatch {
				stranger = noClip(o, file)
				r.Problem = stranger
			}
			return each(r)
		})
		if stranger != "" && errors.Is(err, verify.ErrMismatch) {
			err = &verify.MismatchError{Report: report, Cause: stranger}
		}
		err = unproved(o, report, err)
		if !provedOtherwise(err) && err != nil {
			return report, fmt.Errorf("verify %s: %w", message.Safe(file), bare(err))
		}
		total = add(total, report)
		bad = errors.Join(bad, err)
	}
	return total, bad
}

// provedOtherwise reports whether err is about the evidence, not about reading it.
func provedOtherwise(err error) bool {
	return errors.Is(err, verify.ErrMismatch) || errors.Is(err, errUnproved)
}

func noClip(o verify.Options, file string) string {
	name := "this log"
	if v, err := manifest.ParseKey(o.Key); err == nil {
		if _, log, ok := manifest.SplitOrigin(v.Name()); ok {
			name = "log " + log
		}
	}
	return filepath.Base(file) + " is no clip of " + name
}

// unproved makes of a mismatch that stopped everything an error that says so:
// where no clip and no file was looked at, none can be called different.
func unproved(o verify.Options, r verify.Report, err error) error {
	var m *verify.MismatchError
	if !errors.As(err, &m) || r.Clips > 0 || len(r.Problems) > 0 {
		return err
	}
	text := m.Cause
	if v, err := manifest.ParseKey(o.Key); err == nil {
		if _, log, ok := manifest.SplitOrigin(v.Name()); ok && strings.HasPrefix(m.Cause, manifest.CheckpointPath(log)) {
			text += ": copy the whole folder log from the store again, and ask the dock's admin whether the key is that of log " + log
		}
	}
	return &unprovedError{text}
}

func add(a, b verify.Report) verify.Report {
	if a.Origin == "" {
		a.Origin, a.Size = b.Origin, b.Size
	}
	a.Clips += b.Clips
	a.OK += b.OK
	a.Disposed += b.Disposed
	a.RecordErased += b.RecordErased
	a.Omitted += b.Omitted
	a.Missing += b.Missing
	a.Mismatch += b.Mismatch
	a.Orphans = max(a.Orphans, b.Orphans)
	a.Stamped += b.Stamped
	a.SM3 += b.SM3
	if a.Stamps == 0 {
		a.Stamps, a.Authorities = b.Stamps, b.Authorities
	}
	a.Bytes += b.Bytes
	a.Problems = append(a.Problems, b.Problems...)
	a.Unchecked = append(a.Unchecked, b.Unchecked...)
	a.Seconds += b.Seconds
	return leastCosigned(a, b)
}

// leastCosigned has in a what of both is cosigned.
func leastCosigned(a, b verify.Report) verify.Report {
	if a.Cosigned == 0 || b.Cosigned != 0 && b.Cosigned < a.Cosigned {
		a.Cosigned, a.CosignedAt = b.Cosigned, b.CosignedAt
	}
	return a
}
