// Package console is how people reach a running dock: a JSON interface on a
// unix socket for the command line, and a read-only page on loopback for the
// screen in the duty room.
//
// The socket speaks HTTP/1.1 under /v1/. Everything but the folder to ingest
// travels as JSON; the folder travels as an open descriptor (SCM_RIGHTS,
// unix(7)), so that a daemon without rights to a path, or in another mount
// namespace, reads exactly the folder the person meant. Answers of unknown
// length are lines of JSON, the last of which says how it ended.
package console

import (
	"context"

	"github.com/custodock/custodock/ingest"
)

// Desk is what a person can ask of a dock. *ingest.Station answers in this
// process, *Client through the socket of the daemon; callers cannot tell.
type Desk interface {
	// Status is the dock at this moment.
	Status(ctx context.Context) (ingest.Status, error)
	// Changed returns when something changed since it last returned, at most
	// four times a second, or with the context's error.
	Changed(ctx context.Context) error
	// Events calls each for the entries behind after (-1: all; nil: those to
	// come) and for changes of alarms and bays, until ctx ends or each fails.
	Events(ctx context.Context, after *int64, each func(ingest.StreamEvent) error) error
	// Clips calls each for every clip the filter selects, in log order, and
	// ends with the first error each returns.
	Clips(ctx context.Context, f ingest.Filter, each func(ingest.ClipView) error) error
	// Show tells everything known of a clip, ingest.ErrNoClip when nothing is.
	Show(ctx context.Context, id string) (ingest.ClipDetail, error)
	// Tag is durable in the log when it returns.
	Tag(ctx context.Context, r ingest.TagRequest) ([]ingest.Stamp, error)
	// Ingest takes a folder in once and closes r.Folder. It calls each from
	// one goroutine at a time, and is done when the log is published.
	Ingest(ctx context.Context, r ingest.Request, each func(ingest.Event)) (ingest.Summary, error)
	// Export records that clips leave the dock, durably, and names them.
	Export(ctx context.Context, r ingest.ExportRequest) ([]string, error)
	// View records durably that somebody looks at a clip; its bytes are read
	// from a store afterwards.
	View(ctx context.Context, r ingest.ViewRequest) error
	// Derive enters durably that r.File, which it closes, was made from a clip, and
	// has it stored like one.
	Derive(ctx context.Context, r ingest.DeriveRequest) (ingest.DerivedView, error)
	// StateClock enters durably how far a camera's clock is off,
	// ingest.ErrNoDevice when no camera has that id.
	StateClock(ctx context.Context, r ingest.ClockRequest) error
	// Key is the signed-note verifier key of the dock.
	Key(ctx context.Context) (string, error)
	// Install takes in what an authority signed of the dock's key, durably, and
	// publishes it.
	Install(ctx context.Context, r ingest.InstallRequest) (ingest.Endorsement, error)
	// Checkpoint publishes the log and returns the checkpoint every reachable
	// store now holds.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Entry returns the bytes of an entry named by index or by clip.
	Entry(ctx context.Context, what string) ([]byte, error)
	// Prove publishes and returns a C2SP tlog-proof for an entry.
	Prove(ctx context.Context, what string) ([]byte, error)
	// Anchor has the log stamped now, and tells of the last stamp where nothing
	// came since; ingest.ErrNoTSA when there is nobody to ask.
	Anchor(ctx context.Context) (ingest.AnchorView, error)
	// Receipt publishes, and states of a docking, the last one of a bay or a
	// camera, or of all, what is true now; ingest.ErrNoDocking when there is none.
	Receipt(ctx context.Context, which string) (ingest.ReceiptView, error)
	// SignGaps signs what an audit found missing, or not, in the log, and returns
	// the note.
	SignGaps(ctx context.Context, r ingest.GapsRequest) (string, error)
	// Doctor checks everything a person could have to mend.
	Doctor(ctx context.Context) ([]ingest.Condition, error)
	// Devices tells of registered devices and docked cameras.
	Devices(ctx context.Context) (ingest.Registry, error)
	// Register enters a device, durably, and returns it.
	Register(ctx context.Context, r ingest.RegisterRequest) (ingest.DeviceView, error)
	// Forget enters, durably, that a device is registered no more.
	Forget(ctx context.Context, r ingest.ForgetRequest) error
	// Bays tells of every bay that has a name.
	Bays(ctx context.Context) ([]ingest.BayView, error)
	// Bind enters the USB port of a bay, durably.
	Bind(ctx context.Context, r ingest.BindRequest) (ingest.BayView, error)
	// Agree enters that an admin accepts that a store locks objects for good.
	Agree(ctx context.Context, store string) error
	// EraseDevice erases a docked camera as far as its files may go, and says
	// what stays; ingest.ErrNoCamera when it is not docked.
	EraseDevice(ctx context.Context, o ingest.EraseOrder) (ingest.EraseResult, error)
}
