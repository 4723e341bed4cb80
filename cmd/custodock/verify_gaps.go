package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// checkGaps holds a signed statement about gaps against the log: it must be signed,
// speak of this log's entries, and say what is found in them now. What the store lacks
// is looked for in the others, as it was when the statement was made.
func (a *app) checkGaps(others ...store.Reader) fileCheck {
	return func(ctx context.Context, o verify.Options, file string, each func(verify.Result) error) (verify.Report, error) {
		g, err := verify.Gaps(ctx, o, file)
		if err != nil {
			return verify.Report{}, err
		}
		o.Store = store.Join(append([]store.Reader{o.Store}, others...)...)
		return a.lookAgain(ctx, o, g, file, each)
	}
}

func (a *app) lookAgain(ctx context.Context, o verify.Options, g manifest.Gaps, file string, each func(verify.Result) error) (verify.Report, error) {
	found, head, err := a.findGaps(ctx, o, g.Device, g.Size)
	if err != nil {
		return verify.Report{}, err
	}
	report := verify.Report{Origin: head.Checkpoint.Origin, Size: head.Checkpoint.Size}
	if found.Result != g.Result || !slices.Equal(found.Lines(), g.Lines) {
		const why = "the log says otherwise than the statement: it was false, or records were erased since, or a device's own log is not in this store, or other device profiles are in use"
		report.Problems = []verify.Problem{{File: file, Problem: why}}
		return report, &verify.MismatchError{Report: report, Cause: file + ": " + why}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return report, err
	}
	if err := each(verify.Result{SHA256: manifest.RecordDigest(text).String(), Result: verify.OK}); err != nil {
		return report, err
	}
	if a.flags.json {
		return report, nil
	}
	if err := a.println(a.resultWords(g.Result, len(found.Gaps), g.Size, g.Origin)); err != nil {
		return report, fmt.Errorf("verify %s: %w", file, err)
	}
	return report, nil
}
