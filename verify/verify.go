// Package verify proves clips, logs and evidence packages from nothing but a
// verifier key and the files of a store. It trusts neither the dock nor the
// store: what counts is what hashes to the root of a checkpoint that the key
// has signed.
//
// A log is as long as its published checkpoint. Files of a publishing under
// way stand beyond it; they are neither trusted nor wrong.
package verify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/store"
)

// What is said of a clip. Missing and Mismatch mean that it is not proved.
const (
	OK           = "ok"
	Disposed     = "disposed"      // lawfully gone: clip.disposed
	RecordErased = "record_erased" // the object is whole, its record gone by record.erased
	Omitted      = "omitted"       // not in the package: a derived file, or an original of which a derived file is
	Missing      = "missing"
	Mismatch     = "mismatch"
)

// ErrMismatch is what every *MismatchError is: the evidence does not match.
var ErrMismatch = errors.New("evidence does not match")

// MismatchError says that something was not proved.
type MismatchError struct {
	Report Report // of what was checked so far
	Cause  string // the first thing found, one line
}

// Error is one line; Report has the rest.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%v: %s", ErrMismatch, e.Cause)
}

// Is makes errors.Is(err, ErrMismatch) true.
func (e *MismatchError) Is(target error) bool { return target == ErrMismatch }

// Options say what to check against which key.
type Options struct {
	Store store.Reader
	// Key is the log's verifier key (c2sp.org/signed-note).
	Key string
	// Log must be the log the key is of when it is given.
	Log string
	// StoreName is what clip.stored entries call Store; versions they pin are
	// read instead of the newest. Empty: every clip.stored counts and the
	// newest versions are read.
	StoreName string
	// Endorsed are what an authority said of Key (Authority.Log): what was entered
	// while none of them was in force is not proved. Empty: Key is trusted itself.
	Endorsed []manifest.Endorsement
	// Spool is a folder where objects that are not stored yet are looked for.
	Spool string
	// Roots are those of time-stamp authorities. nil: the chains of stamps are
	// not checked, and it is said so.
	Roots *stamp.Roots
	// Clips are the names to report; empty means all, and then everything
	// else in the store is read too.
	Clips []string
	// Span says which clips to report, by their entries, where no Clips are given. A
	// part of a log tells nothing of other files.
	Span Span
	// Begin is the first entry whose clip is read and reported; clips before it were
	// read in an earlier sitting.
	Begin int64
	// Policy says which witnesses must have cosigned; nil asks for none.
	Policy *manifest.Policy
	// Workers is the number of files read at once, by default one a core.
	Workers int
	// Seen is shown each entry of the log, in order, by what reads no objects (Log, Read,
	// Sample). They are proved once that has returned nil.
	Seen func(manifest.Entry)
	// Progress is called from one goroutine after each clip.
	Progress func(done, total, bytes int64)
}

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// Result is what is said of one clip. Problem is empty when it is proved.
type Result struct {
	Clip    string `json:"clip"`
	SHA256  string `json:"sha256"`
	Result  string `json:"result"`
	Problem string `json:"problem"`

	// Between which time stamps its entry stands, zero where none is known, with
	// the accuracy of the authorities taken off and added.
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	// Until is when the certificates behind NotAfter, and those that renew it, end.
	Until     time.Time `json:"stamp_until,omitzero"`
	Authority string    `json:"stamp_by,omitempty"` // of NotAfter
	Of        string    `json:"of,omitempty"`       // the clip that it was made from, "" of a clip itself
	SM3       string    `json:"sm3,omitempty"`      // of its bytes, where its entry says it and it was compared
	Bytes     int64     `json:"-"`                  // of objects that were hashed for it: of one that clips share for the first of them
}

// Problem is something wrong with a file.
type Problem struct {
	File    string `json:"file"` // name in the store, or in the package
	Problem string `json:"problem"`
}

// Report sums up a run.
type Report struct {
	Origin       string    `json:"origin"`
	Size         int64     `json:"size"` // entries under the checkpoint
	Clips        int       `json:"clips"`
	OK           int       `json:"ok"`
	Disposed     int       `json:"disposed"`
	RecordErased int       `json:"record_erased"`
	Omitted      int       `json:"omitted,omitempty"` // of a package: proved by their entries, and their bytes are not in it
	Missing      int       `json:"missing"`
	Mismatch     int       `json:"mismatch"`
	Orphans      int       `json:"orphans"`           // whole objects that no entry of this log names
	Stamped      int       `json:"stamped,omitempty"` // clips that stand before a time stamp
	Stamps       int       `json:"stamps,omitempty"`  // time stamps that hold
	SM3          int       `json:"sm3,omitempty"`     // clips whose SM3 is what their entries say too
	Bytes        int64     `json:"bytes"`             // of objects hashed
	Problems     []Problem `json:"problems,omitempty"`
	Unchecked    []string  `json:"unchecked,omitempty"` // logs beside this one, which need keys of their own
	Authority    string    `json:"authority,omitempty"` // that answers for the key, where one was asked
	Seconds      float64   `json:"seconds"`
	Cosigned     int64     `json:"cosigned,omitempty"`   // entries that are cosigned as Options.Policy wants
	CosignedAt   time.Time `json:"cosigned_at,omitzero"` // by the clock of the last of those witnesses

	Authorities []Stamper `json:"authorities,omitempty"` // of the time stamps
}

func (r *Report) add(file, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{File: file, Problem: fmt.Sprintf(format, args...)})
}

func (r *Report) count(res Result) {
	r.Clips++
	if !res.NotAfter.IsZero() {
		r.Stamped++
	}
	if res.SM3 != "" {
		r.SM3++
	}
	switch res.Result {
	case OK:
		r.OK++
	case Disposed:
		r.Disposed++
	case RecordErased:
		r.RecordErased++
	case Omitted:
		r.Omitted++
	case Missing:
		r.Missing++
	default:
		r.Mismatch++
	}
}

// run is one verification: what it was asked, and what it has found.
type run struct {
	Options
	head   Head
	report Report

	published string   // what stands as the log's first key
	keys      []string // that sign the log, as it says itself

	each    func(Result) error
	unwell  string // the first clip that was not proved, and why
	started time.Time
	unread  atomic.Bool // a file could not be read that may be there
}

func newRun(o Options, each func(Result) error) *run {
	if each == nil {
		each = func(Result) error { return nil }
	}
	r := &run{Options: o, each: each, started: time.Now()}
	if len(o.Endorsed) > 0 {
		r.report.Authority = o.Endorsed[0].Authority
	}
	return r
}

func (r *run) emit(res Result) error {
	r.report.count(res)
	if r.unwell == "" && (res.Result == Missing || res.Result == Mismatch) {
		r.unwell = fmt.Sprintf("%s: %s: %s", res.Clip, res.Result, res.Problem)
	}
	return r.each(res)
}

// finish closes the report and says whether all of it held. What a store that went
// away gave no more is no fault of its files.
func (r *run) finish(ctx context.Context, err error) (Report, error) {
	r.report.Seconds = time.Since(r.started).Seconds()
	var mismatch *MismatchError
	if err == nil || errors.As(err, &mismatch) {
		if away := r.away(ctx); away != nil {
			return r.report, away
		}
	}
	switch {
	case errors.As(err, &mismatch):
		mismatch.Report = r.report
		return r.report, err
	case err != nil:
		return r.report, err
	case r.unwell != "":
		return r.report, &MismatchError{Report: r.report, Cause: r.unwell}
	case len(r.report.Problems) > 0:
		p := r.report.Problems[0]
		return r.report, &MismatchError{Report: r.report, Cause: p.File + ": " + p.Problem}
	}
	return r.report, nil
}

// Store checks the signature of the log's checkpoint, every tile, entry and
// record under it, and the objects of the clips asked for, and calls each for
// every clip in the order of the log. Without Options.Clips all other files
// under log/, record/ and object/ are checked too. The error is a
// *MismatchError when something is not proved, any other when the store could
// not be read.
func Store(ctx context.Context, o Options, each func(Result) error) (Report, error) {
	r := newRun(o, each)
	return r.finish(ctx, r.store(ctx))
}

func (r *run) store(ctx context.Context) error {
	x, err := r.log(ctx)
	if err != nil {
		return err
	}
	p := newPlan(x, r.Clips)
	if len(r.Clips) == 0 {
		p.confine(r.Span, r.Begin)
	}
	if err := r.objects(ctx, p); err != nil {
		return err
	}
	if len(r.Clips) > 0 || !r.Span.Whole() {
		return nil
	}
	return r.orphans(ctx, p)
}
