package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/witness"
)

// The exit codes.
const (
	exitDone     = 0
	exitError    = 1
	exitUsage    = 2
	exitPartly   = 3
	exitMismatch = 4
	exitDenied   = 5
)

var (
	// errUsage is wrapped by everything the person can only mend by typing
	// something else.
	errUsage = errors.New("usage")
	// errPartly says that some files are not complete; each has said so.
	errPartly = errors.New("not everything is complete")
	// errKeyForm says that a key given by a person was copied badly.
	errKeyForm = errors.New("the verifier key is not whole: copy the line again; nothing was checked")
	// errUnproved is what every *unprovedError is.
	errUnproved = errors.New("nothing was checked")
	// errUnwell says that doctor found something; it has been told.
	errUnwell = errors.New("something needs a person")
	// errKept says that files stay on a camera that was to be erased; each
	// reason has been told.
	errKept = errors.New("files stay on the camera")
	// errGaps says that clips are missing, errUnsure that it cannot be known of all
	// devices; both have been told.
	errGaps   = errors.New("something is missing")
	errUnsure = errors.New("not all can be known")
)

// usageError reads as it is and is errUsage.
type usageError struct{ text string }

func (e *usageError) Error() string        { return e.text }
func (e *usageError) Is(target error) bool { return target == errUsage }

// unprovedError says why nothing could be checked, and what to do.
type unprovedError struct{ text string }

func (e *unprovedError) Error() string        { return errUnproved.Error() + ": " + e.text }
func (e *unprovedError) Is(target error) bool { return target == errUnproved }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// codeOf sorts an error into an exit code.
func codeOf(err error) int {
	var partly *witness.PartlyError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, errPartly), errors.Is(err, errKept), errors.Is(err, errUnsure):
		return exitPartly
	case errors.Is(err, errKeyForm), errors.Is(err, errGaps), errors.Is(err, errUnproved), errors.Is(err, verify.ErrMismatch), errors.Is(err, manifest.ErrMalformed),
		errors.Is(err, manifest.ErrUntrusted), errors.Is(err, manifest.ErrForked):
		return exitMismatch
	case errors.As(err, &partly):
		return exitPartly
	case errors.Is(err, access.ErrDenied):
		return exitDenied
	}
	return exitError
}

// known are the errors a person meets, each with the key of its sentence.
var known = []struct {
	err error
	key string
}{
	{errUsage, "err.usage"},
	{errKeyForm, "err.key_form"},
	{errUnproved, "err.unproved"},
	{access.ErrDenied, "err.denied"},
	{ingest.ErrNoClip, "err.no_clip"},
	{ingest.ErrNoDevice, "err.no_device"},
	{ingest.ErrNoCamera, "err.no_camera"},
	{ingest.ErrNoDocking, "err.no_docking"},
	{ingest.ErrNoTSA, "err.no_tsa"},
	{ingest.ErrNoState, "err.no_state"},
	{ingest.ErrUnstable, "err.unstable"},
	{ingest.ErrFull, "err.full"},
	{store.ErrFull, "err.store_full"},
	{manifest.ErrForked, "err.forked"},
	{manifest.ErrUnwitnessed, "err.unwitnessed"},
	{manifest.ErrUntrusted, "err.key"},
	{verify.ErrMismatch, "err.mismatch"},
	{manifest.ErrMalformed, "err.mismatch"},
	{console.ErrNoDaemon, "err.no_daemon"},
	{device.ErrGone, "err.device"},
	{syscall.EIO, "err.device"},
	{syscall.EROFS, "err.read_only"},
	{syscall.ENOSPC, "err.full"},
	{syscall.EDQUOT, "err.full"},
	{context.Canceled, "err.interrupted"},
}

// errorKey is the key of an error's sentence, "" when it has none.
func errorKey(err error) string {
	var held *ingest.HeldError
	if errors.As(err, &held) {
		return "err.held"
	}
	var config *configs.Error
	if errors.As(err, &config) {
		return "err.config"
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.key
		}
	}
	return ""
}

// explain is an error as a person reads it: in English the error itself, which
// says what to do; in Chinese its sentence with the error behind it.
func explain(err error, lang string) string {
	if errors.Is(err, context.Canceled) {
		return message.T(lang, "err.interrupted")
	}
	var lines []string
	for text := range strings.SplitSeq(err.Error(), "\n") {
		lines = append(lines, message.Line(text))
	}
	text := strings.Join(lines, "; ")
	if key := errorKey(err); lang == message.Chinese {
		if key == "" {
			key = "err"
		}
		return message.T(lang, key) + "：" + text
	}
	return text
}
