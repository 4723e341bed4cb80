package console

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// fault is an error on the wire: a code that selects the sentinel callers
// branch on, the sentence for a person, and for "held" who holds the state.
type fault struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Held    *ingest.HeldError `json:"held,omitempty"`
}

// The codes that the code itself names.
const (
	codeOther   = "error"
	codeRequest = "bad_request"
	codeHeld    = "held"
	codeVersion = "no_version"
	codeCall    = "no_call"
	codeMethod  = "bad_method"
	codeBusy    = "busy"
	codeDenied  = "denied"

	// codeCanceled can only mean that the daemon ends: a caller that went away
	// itself reads no answer.
	codeCanceled = "canceled"
)

// codes pairs what callers branch on with its name on the wire. The first
// that matches wins, so the particular stand before the general.
var codes = []struct {
	code string
	err  error
}{
	{codeDenied, access.ErrDenied},
	{"no_clip", ingest.ErrNoClip},
	{"registry", ingest.ErrRegistry},
	{"no_event", ingest.ErrNoEvent},
	{"no_device", ingest.ErrNoDevice},
	{"no_camera", ingest.ErrNoCamera},
	{"no_docking", ingest.ErrNoDocking},
	{"no_tsa", ingest.ErrNoTSA},
	{"no_state", ingest.ErrNoState},
	{"unstable", ingest.ErrUnstable},
	{"forked", manifest.ErrForked},
	{"malformed", manifest.ErrMalformed},
	{"untrusted", manifest.ErrUntrusted},
	{"full", ingest.ErrFull},
	{"store_full", store.ErrFull},
	{"damaged", store.ErrDamaged},
	{"not_exist", fs.ErrNotExist},
	{"deadline", context.DeadlineExceeded},
	{codeCanceled, context.Canceled},
	{codeRequest, errRequest},
	{codeVersion, errVersion},
	{codeCall, errCall},
	{codeMethod, errMethod},
	{codeBusy, errBusy},
}

// What is wrong with a request itself.
var (
	errRequest = errors.New("bad request")
	errVersion = errors.New("no such version of the interface")
	errCall    = errors.New("no such call")
	errMethod  = errors.New("wrong method")
	errBusy    = errors.New("too many watch this dock already")
)

// statuses are the HTTP statuses of codes; others have 500.
var statuses = map[string]int{
	codeDenied:   http.StatusForbidden,
	"no_clip":    http.StatusNotFound,
	"no_device":  http.StatusNotFound,
	"no_camera":  http.StatusNotFound,
	"no_docking": http.StatusNotFound,
	"no_tsa":     http.StatusNotFound,
	"not_exist":  http.StatusNotFound,
	codeVersion:  http.StatusNotFound,
	codeCall:     http.StatusNotFound,
	codeMethod:   http.StatusMethodNotAllowed,
	codeRequest:  http.StatusBadRequest,
	"no_event":   http.StatusBadRequest,
	"registry":   http.StatusBadRequest,
	codeBusy:     http.StatusServiceUnavailable,
}

func (f *fault) status() int {
	if status, ok := statuses[f.Code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

func faultOf(err error) *fault {
	f := &fault{Code: codeOther, Message: err.Error()}
	var held *ingest.HeldError
	if errors.As(err, &held) {
		f.Code, f.Held = codeHeld, held
		return f
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			f.Code = c.code
			break
		}
	}
	return f
}

// remoteError reads as it did in the daemon, and is, for errors.Is and
// errors.As, what it was there.
type remoteError struct {
	message string
	cause   error
}

func (e *remoteError) Error() string { return e.message }
func (e *remoteError) Unwrap() error { return e.cause }

func (f *fault) err() error {
	if f.Code == codeCanceled {
		return errCut
	}
	e := &remoteError{message: f.Message}
	if f.Code == codeHeld && f.Held != nil {
		e.cause = f.Held
		return e
	}
	for _, c := range codes {
		if c.code == f.Code {
			e.cause = c.err
			break
		}
	}
	return e
}

// readFault turns the body of an answer that is not 200 into an error.
func readFault(status string, body []byte) error {
	var line struct {
		Error *fault `json:"error"`
	}
	if err := json.Unmarshal(body, &line); err != nil || line.Error == nil {
		return errors.New("ask the daemon: it answered " + status)
	}
	return line.Error.err()
}
