package console

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/custodock/custodock/ingest"
)

// fakeDesk answers from its fields and remembers what it was asked.
type fakeDesk struct {
	mu      sync.Mutex
	status  ingest.Status
	changed chan struct{}
	clips   []ingest.ClipView
	err     error // of every method, when set
	receipt ingest.ReceiptView

	ingest func(context.Context, ingest.Request, func(ingest.Event)) (ingest.Summary, error)
	events func(context.Context, *int64, func(ingest.StreamEvent) error) error
	asked  any
}

func (d *fakeDesk) set(s ingest.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status = s
}

func (d *fakeDesk) ask(q any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = q
	return d.err
}

// takeAsked returns the last question and forgets it.
func (d *fakeDesk) takeAsked() any {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.asked
	d.asked = nil
	return q
}

func (d *fakeDesk) Status(context.Context) (ingest.Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status, d.err
}

func (d *fakeDesk) Changed(ctx context.Context) error {
	select {
	case <-d.changed:
		return d.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *fakeDesk) Events(ctx context.Context, after *int64, each func(ingest.StreamEvent) error) error {
	if d.events == nil {
		return d.ask(after)
	}
	return d.events(ctx, after, each)
}

func (d *fakeDesk) Clips(_ context.Context, f ingest.Filter, each func(ingest.ClipView) error) error {
	if err := d.ask(f); err != nil {
		return err
	}
	for _, c := range d.clips {
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

func (d *fakeDesk) Show(_ context.Context, id string) (ingest.ClipDetail, error) {
	return ingest.ClipDetail{ClipView: ingest.ClipView{Clip: id}, Leaf: "ab"}, d.ask(id)
}

func (d *fakeDesk) Tag(_ context.Context, r ingest.TagRequest) ([]ingest.Stamp, error) {
	return []ingest.Stamp{{Clip: "dk3-1", Log: "dk3", N: 7}}, d.ask(r)
}

func (d *fakeDesk) Ingest(ctx context.Context, r ingest.Request, each func(ingest.Event)) (ingest.Summary, error) {
	defer func() { _ = r.Folder.Close() }()
	if d.ingest == nil {
		return ingest.Summary{}, errors.Join(errors.New("nobody expected an ingest"), d.ask(r))
	}
	return d.ingest(ctx, r, each)
}

func (d *fakeDesk) Export(_ context.Context, r ingest.ExportRequest) ([]string, error) {
	return []string{"dk3-1", "dk3-2"}, d.ask(r)
}

func (d *fakeDesk) StateClock(_ context.Context, r ingest.ClockRequest) error { return d.ask(r) }

func (d *fakeDesk) Key(context.Context) (string, error) { return "auth/dk3+00+AA", d.ask("key") }
func (d *fakeDesk) Checkpoint(context.Context) ([]byte, error) {
	return []byte("auth/dk3\n1\n"), d.ask("cp")
}

func (d *fakeDesk) Entry(_ context.Context, what string) ([]byte, error) {
	return []byte(`{"n":42}`), d.ask(what)
}

func (d *fakeDesk) Prove(_ context.Context, what string) ([]byte, error) {
	return []byte("c2sp.org/tlog-proof@v1\n"), d.ask(what)
}

func (d *fakeDesk) Anchor(context.Context) (ingest.AnchorView, error) {
	return ingest.AnchorView{N: 42, Size: 42, TSA: "bench", Made: true}, d.ask("anchor")
}

func (d *fakeDesk) Receipt(_ context.Context, which string) (ingest.ReceiptView, error) {
	return ingest.ReceiptView{Docking: 42, Device: "c017", Note: "custodock receipt v1\n"}, d.ask(which)
}

func (d *fakeDesk) ReceiptAgain(_ context.Context, code string, earlier int) (ingest.ReceiptView, error) {
	err := d.ask(paperAsked{code, earlier})
	if err == nil && d.receipt.Note == "" {
		err = ingest.ErrNoDocking
	}
	return d.receipt, err
}

// paperAsked is what was asked for at the board.
type paperAsked struct {
	code    string
	earlier int
}

func (d *fakeDesk) SignGaps(_ context.Context, r ingest.GapsRequest) (string, error) {
	return "custodock gaps v1\n", d.ask(r)
}

func (d *fakeDesk) Install(_ context.Context, r ingest.InstallRequest) (ingest.Endorsement, error) {
	return ingest.Endorsement{Authority: "county.example", Serial: 7}, d.ask(r)
}

func (d *fakeDesk) Derive(_ context.Context, r ingest.DeriveRequest) (ingest.DerivedView, error) {
	_ = r.File.Close()
	r.File = nil
	return ingest.DerivedView{Entry: "dk3-9"}, d.ask(r)
}

func (d *fakeDesk) View(_ context.Context, r ingest.ViewRequest) error { return d.ask(r) }

func (d *fakeDesk) Doctor(context.Context) ([]ingest.Condition, error) {
	return []ingest.Condition{{Code: "disk", OK: true, Text: "room"}}, d.ask("doctor")
}

func (d *fakeDesk) Devices(context.Context) (ingest.Registry, error) {
	return ingest.Registry{Devices: []ingest.DeviceView{{ID: "c017", From: "log"}}}, d.ask("devices")
}

func (d *fakeDesk) Register(_ context.Context, r ingest.RegisterRequest) (ingest.DeviceView, error) {
	return ingest.DeviceView{ID: "c017", From: "log", Match: r.Match}, d.ask(r)
}

func (d *fakeDesk) Forget(_ context.Context, r ingest.ForgetRequest) error { return d.ask(r) }

func (d *fakeDesk) Bays(context.Context) ([]ingest.BayView, error) {
	return []ingest.BayView{{Bay: "bay-01", Path: "1-1.4", From: "log"}}, d.ask("bays")
}

func (d *fakeDesk) Bind(_ context.Context, r ingest.BindRequest) (ingest.BayView, error) {
	return ingest.BayView{Bay: r.Bay, Path: "1-1.4", From: "log"}, d.ask(r)
}

// names lists a folder through the descriptor a request carried.
func names(r ingest.Request) ([]string, error) {
	found, err := r.Folder.Readdirnames(-1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return found, err
}

func (d *fakeDesk) Agree(_ context.Context, store string) error { return d.ask("agree to " + store) }

func (d *fakeDesk) EraseDevice(_ context.Context, o ingest.EraseOrder) (ingest.EraseResult, error) {
	return ingest.EraseResult{Erased: 2, Left: []ingest.EraseLeft{{Reason: "protected", Files: 1}}}, d.ask(o)
}
