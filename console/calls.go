package console

import (
	"context"

	"github.com/custodock/custodock/ingest"
)

// Version asks for the daemon's version and the caller's rights.
func (c *Client) Version(ctx context.Context) (Version, error) {
	var v Version
	resp, err := c.get(ctx, pathVersion)
	if err != nil {
		return v, err
	}
	defer func() { _ = resp.Body.Close() }()
	err = c.decode(ctx, resp, &v)
	return v, err
}

// Status implements Desk.
func (c *Client) Status(ctx context.Context) (ingest.Status, error) {
	var s ingest.Status
	err := c.call(ctx, pathStatus, empty{}, &s)
	return s, err
}

// Changed implements Desk.
func (c *Client) Changed(ctx context.Context) error {
	return c.call(ctx, pathChanged, empty{}, &empty{})
}

// Clips implements Desk.
func (c *Client) Clips(ctx context.Context, f ingest.Filter, each func(ingest.ClipView) error) error {
	resp, err := c.send(ctx, pathClips, f)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return c.readLines(ctx, resp.Body, func(l line) (bool, error) {
		if l.Clip == nil {
			return l.End != nil, nil
		}
		return false, each(*l.Clip)
	})
}

// Show implements Desk.
func (c *Client) Show(ctx context.Context, id string) (ingest.ClipDetail, error) {
	var d ingest.ClipDetail
	err := c.call(ctx, pathShow, what{id}, &d)
	return d, err
}

// Tag implements Desk.
func (c *Client) Tag(ctx context.Context, r ingest.TagRequest) ([]ingest.Stamp, error) {
	var a stampAnswer
	err := c.call(ctx, pathTag, r, &a)
	return a.Stamps, err
}

// Export implements Desk.
func (c *Client) Export(ctx context.Context, r ingest.ExportRequest) ([]string, error) {
	var a clipsAnswer
	err := c.call(ctx, pathExport, r, &a)
	return a.Clips, err
}

// StateClock implements Desk.
func (c *Client) StateClock(ctx context.Context, r ingest.ClockRequest) error {
	return c.call(ctx, pathClock, r, &empty{})
}

// Key implements Desk.
func (c *Client) Key(ctx context.Context) (string, error) {
	var a keyAnswer
	err := c.call(ctx, pathKey, empty{}, &a)
	return a.Key, err
}

// Install implements Desk.
func (c *Client) Install(ctx context.Context, r ingest.InstallRequest) (ingest.Endorsement, error) {
	var e ingest.Endorsement
	err := c.call(ctx, pathInstall, r, &e)
	return e, err
}

// Checkpoint implements Desk.
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	var a bytesAnswer
	err := c.call(ctx, pathCheckpoint, empty{}, &a)
	return a.Bytes, err
}

// Entry implements Desk.
func (c *Client) Entry(ctx context.Context, which string) ([]byte, error) {
	var a bytesAnswer
	err := c.call(ctx, pathEntry, what{which}, &a)
	return a.Bytes, err
}

// Prove implements Desk.
func (c *Client) Prove(ctx context.Context, which string) ([]byte, error) {
	var a bytesAnswer
	err := c.call(ctx, pathProve, what{which}, &a)
	return a.Bytes, err
}

// Anchor implements Desk.
func (c *Client) Anchor(ctx context.Context) (ingest.AnchorView, error) {
	var v ingest.AnchorView
	err := c.call(ctx, pathAnchor, empty{}, &v)
	return v, err
}

// View implements Desk.
func (c *Client) View(ctx context.Context, r ingest.ViewRequest) error {
	return c.call(ctx, pathView, r, &empty{})
}

// Receipt implements Desk.
func (c *Client) Receipt(ctx context.Context, which string) (ingest.ReceiptView, error) {
	var r ingest.ReceiptView
	err := c.call(ctx, pathReceipt, what{which}, &r)
	return r, err
}

// SignGaps implements Desk.
func (c *Client) SignGaps(ctx context.Context, r ingest.GapsRequest) (string, error) {
	var a noteAnswer
	err := c.call(ctx, pathGaps, r, &a)
	return a.Note, err
}

// Doctor implements Desk.
func (c *Client) Doctor(ctx context.Context) ([]ingest.Condition, error) {
	var a condAnswer
	err := c.call(ctx, pathDoctor, empty{}, &a)
	return a.Conditions, err
}

// Devices implements Desk.
func (c *Client) Devices(ctx context.Context) (ingest.Registry, error) {
	var r ingest.Registry
	err := c.call(ctx, pathDevices, empty{}, &r)
	return r, err
}

// Register implements Desk.
func (c *Client) Register(ctx context.Context, r ingest.RegisterRequest) (ingest.DeviceView, error) {
	var v ingest.DeviceView
	err := c.call(ctx, pathRegister, r, &v)
	return v, err
}

// Forget implements Desk.
func (c *Client) Forget(ctx context.Context, r ingest.ForgetRequest) error {
	return c.call(ctx, pathForget, r, &empty{})
}

// Bays implements Desk.
func (c *Client) Bays(ctx context.Context) ([]ingest.BayView, error) {
	var a baysAnswer
	err := c.call(ctx, pathBays, empty{}, &a)
	return a.Bays, err
}

// Bind implements Desk.
func (c *Client) Bind(ctx context.Context, r ingest.BindRequest) (ingest.BayView, error) {
	var v ingest.BayView
	err := c.call(ctx, pathBind, r, &v)
	return v, err
}

// Agree implements Desk.
func (c *Client) Agree(ctx context.Context, store string) error {
	return c.call(ctx, pathAgree, agreement{store}, &empty{})
}

// EraseDevice implements Desk.
func (c *Client) EraseDevice(ctx context.Context, o ingest.EraseOrder) (ingest.EraseResult, error) {
	var res ingest.EraseResult
	err := c.call(ctx, pathErase, o, &res)
	return res, err
}
