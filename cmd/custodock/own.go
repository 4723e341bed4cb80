package main

import (
	"cmp"
	"context"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/ingest"
)

// own is the station of this process. Who opens the state itself is its admin,
// as the daemon decides for those who ask it.
type own struct{ *ingest.Station }

// Tag implements console.Desk.
func (o own) Tag(ctx context.Context, r ingest.TagRequest) ([]ingest.Stamp, error) {
	r.Actor, r.By = cmp.Or(r.Actor, clip.ByAdmin), cmp.Or(r.By, clip.ByAdmin)
	return o.Station.Tag(ctx, r)
}

// Ingest implements console.Desk.
func (o own) Ingest(ctx context.Context, r ingest.Request, each func(ingest.Event)) (ingest.Summary, error) {
	r.Actor, r.By = cmp.Or(r.Actor, clip.ByAdmin), cmp.Or(r.By, clip.ByAdmin)
	return o.Station.Ingest(ctx, r, each)
}

// StateClock implements console.Desk.
func (o own) StateClock(ctx context.Context, r ingest.ClockRequest) error {
	r.Actor = cmp.Or(r.Actor, clip.ByAdmin)
	return o.Station.StateClock(ctx, r)
}

// EraseDevice implements console.Desk.
func (o own) EraseDevice(ctx context.Context, r ingest.EraseOrder) (ingest.EraseResult, error) {
	r.Actor = cmp.Or(r.Actor, clip.ByAdmin)
	return o.Station.EraseDevice(ctx, r)
}

// Export implements console.Desk.
func (o own) Export(ctx context.Context, r ingest.ExportRequest) ([]string, error) {
	r.Actor = cmp.Or(r.Actor, clip.ByAdmin)
	return o.Station.Export(ctx, r)
}

// Derive implements console.Desk.
func (o own) Derive(ctx context.Context, r ingest.DeriveRequest) (ingest.DerivedView, error) {
	r.Actor = cmp.Or(r.Actor, clip.ByAdmin)
	return o.Station.Derive(ctx, r)
}

// View implements console.Desk.
func (o own) View(ctx context.Context, r ingest.ViewRequest) error {
	r.Actor = cmp.Or(r.Actor, clip.ByAdmin)
	return o.Station.View(ctx, r)
}

// Register implements console.Desk.
func (o own) Register(ctx context.Context, r ingest.RegisterRequest) (ingest.DeviceView, error) {
	r.Actor = cmp.Or(r.Actor, clip.ByAdmin)
	return o.Station.Register(ctx, r)
}

// Forget implements console.Desk.
func (o own) Forget(ctx context.Context, r ingest.ForgetRequest) error {
	r.Actor = cmp.Or(r.Actor, clip.ByAdmin)
	return o.Station.Forget(ctx, r)
}

// Bind implements console.Desk.
func (o own) Bind(ctx context.Context, r ingest.BindRequest) (ingest.BayView, error) {
	r.Actor = cmp.Or(r.Actor, clip.ByAdmin)
	return o.Station.Bind(ctx, r)
}

// SignGaps implements console.Desk.
func (o own) SignGaps(ctx context.Context, r ingest.GapsRequest) (string, error) {
	r.Actor = cmp.Or(r.Actor, clip.ByAdmin)
	return o.Station.SignGaps(ctx, r)
}
