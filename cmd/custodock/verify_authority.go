package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/verify"
)

// maxRevoked bounds a file given as --revoked.
const maxRevoked = 2 << 20

// issuer is the authority whose key was given, nil when the key is a dock's, or
// none at all, which others say.
func (a *app) issuer(c verifyCall) (*verify.Authority, error) {
	v, err := manifest.ParseKey(keyText(c.key))
	isIssuer := err == nil && manifest.ValidIssuer(v.Name())
	switch {
	case !isIssuer && c.revoked != "":
		return nil, usagef("--revoked is the list of an authority: give the authority's key with --key")
	case !isIssuer:
		return nil, nil
	}
	out := &verify.Authority{Verifier: v}
	if c.revoked == "" {
		return out, nil
	}
	info, err := os.Stat(c.revoked)
	if err == nil && info.Size() > maxRevoked {
		err = errors.New("it is too long for a list of revoked keys")
	}
	var msg []byte
	if err == nil {
		msg, err = os.ReadFile(c.revoked)
	}
	if err != nil {
		return nil, fmt.Errorf("read list of revoked keys %s: %w", message.Safe(c.revoked), bare(err))
	}
	r, err := manifest.OpenRevocations(msg, v)
	if err != nil {
		return nil, fmt.Errorf("list of revoked keys %s: %w", message.Safe(c.revoked), err)
	}
	out.Revoked = &r
	return out, nil
}

// endorsedCall is what is asked of one log that an authority answers for.
type endorsedCall struct {
	o verify.Options
	c verifyCall
}

// verifyEndorsed proves what was asked with the key of an authority alone: every
// log of a store that it endorsed, or the packages.
func (a *app) verifyEndorsed(ctx context.Context, c verifyCall, auth verify.Authority, roots *stamp.Roots) error {
	var calls []endorsedCall
	var known []string // logs of the store
	var bad error
	rest := c
	rest.files = nil
	for _, file := range c.files {
		if !verify.IsPackage(file) && (c.from != "" || !verify.IsZip(file)) {
			rest.files = append(rest.files, file)
			continue
		}
		o, err := auth.Package(file)
		if err != nil && !errors.Is(err, verify.ErrMismatch) {
			return fmt.Errorf("verify %s: %w", message.Safe(file), bare(err))
		}
		bad = errors.Join(bad, unproved(o, verify.Report{}, err))
		if err == nil {
			calls = append(calls, endorsedCall{o, verifyCall{files: []string{file}}})
		}
	}
	if c.from != "" {
		from, err := a.from(c.from)
		if err != nil {
			return err
		}
		r, err := a.reader(ctx, from)
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }()
		var more []endorsedCall
		known, more, err = a.endorsedLogs(ctx, r, rest, auth)
		if err != nil && !provedOtherwise(err) {
			return err
		}
		bad = errors.Join(bad, err)
		calls = append(calls, more...)
	}
	for _, call := range calls {
		p := a.newVerifyPrinter()
		p.known, p.named = known, len(call.c.clips)+len(call.c.files) > 0
		call.o.Roots, call.c.policy = roots, c.policy
		bad = errors.Join(bad, p.run(ctx, []verify.Options{call.o}, call.c))
	}
	if bad != nil || a.flags.json {
		return bad
	}
	return a.println(a.revokedWords(auth))
}

// revokedWords tells how far it was looked whether a key was revoked.
func (a *app) revokedWords(auth verify.Authority) string {
	name := message.Line(auth.Verifier.Name())
	if auth.Revoked == nil {
		return a.say("authority.unasked", name)
	}
	return a.sayN("authority.asked", len(auth.Revoked.List), name, auth.Revoked.Issued.Format(time.DateOnly))
}

// endorsedLogs spreads what was asked over the logs of a store. The error of a
// log that the authority does not answer for comes beside the calls for the others.
func (a *app) endorsedLogs(ctx context.Context, r reader, c verifyCall, auth verify.Authority) (logs []string, calls []endorsedCall, bad error) {
	whole := len(c.clips) == 0 && len(c.files) == 0
	logs = clipLogs(c.clips)
	if len(c.clips) == 0 || len(c.files) > 0 {
		var err error
		if logs, err = auth.Logs(ctx, r); err != nil {
			return nil, nil, err
		}
	}
	if len(logs) == 0 {
		return nil, nil, &unprovedError{"the store holds no log: copy its whole folder again"}
	}
	for _, log := range logs {
		o, err := auth.Log(ctx, r, log)
		switch {
		case err != nil && !errors.Is(err, verify.ErrMismatch):
			return nil, nil, err
		case err != nil:
			bad = errors.Join(bad, unproved(o, verify.Report{}, err))
			continue
		}
		clips := slices.DeleteFunc(slices.Clone(c.clips), func(name string) bool { return !strings.HasPrefix(name, log+"-") })
		calls = append(calls, endorsedCall{o, verifyCall{clips: clips, gaps: c.gaps}})
	}
	return logs, a.spreadFiles(ctx, calls, c.files, whole), bad
}

// spreadFiles gives each loose file to the first log that knows it, or to the
// last, which then says that it does not; logs without anything to do go.
func (a *app) spreadFiles(ctx context.Context, calls []endorsedCall, files []string, whole bool) []endorsedCall {
	for _, file := range files {
		for i := range calls {
			if i == len(calls)-1 || knows(ctx, calls[i].o, file) {
				calls[i].c.files = append(calls[i].c.files, file)
				break
			}
		}
	}
	return slices.DeleteFunc(calls, func(call endorsedCall) bool {
		return !whole && len(call.c.clips) == 0 && len(call.c.files) == 0
	})
}

// knows reports whether a file is of a log: its clip, its receipt, its proof.
func knows(ctx context.Context, o verify.Options, file string) bool {
	if verify.IsGaps(file) {
		_, err := verify.Gaps(ctx, o, file)
		return err == nil
	}
	found := false
	_, err := verify.File(ctx, o, file, func(r verify.Result) error {
		found = found || r.Clip != ""
		return nil
	})
	return found || err == nil
}

// clipLogs are the logs that clips are of, each once.
func clipLogs(clips []string) (logs []string) {
	for _, name := range clips {
		if log := name[:strings.LastIndexByte(name, '-')]; !slices.Contains(logs, log) {
			logs = append(logs, log)
		}
	}
	return logs
}

// oneEndorsed is the only log of a store, for what is asked of one log.
func (a *app) oneEndorsed(ctx context.Context, r reader, auth verify.Authority) (verify.Options, error) {
	logs, err := auth.Logs(ctx, r)
	if err != nil {
		return verify.Options{}, err
	}
	if len(logs) != 1 {
		return verify.Options{}, severalLogs(logs)
	}
	return auth.Log(ctx, r, logs[0])
}

func severalLogs(logs []string) error {
	return usagef("the store holds the logs of %d docks (%s): give the key of one of them", len(logs), message.Safe(strings.Join(logs, ", ")))
}
