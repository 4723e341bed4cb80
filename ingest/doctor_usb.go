package ingest

import (
	"context"
	"os"
	"slices"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device/mounter"
	"github.com/custodock/custodock/device/usb"
)

// usbConditions are those of cameras on USB. A dock that neither has the helper
// nor names a port takes what something else mounts, and has none.
func (s *Station) usbConditions(ctx context.Context) []Condition {
	var out []Condition
	cfg := s.conf()
	ports := slices.ContainsFunc(cfg.Bays, func(b configs.Bay) bool { return usb.IsPort(b.Path) })
	bound := len(s.boundBays()) > 0
	_, err := os.Stat(cfg.Mounter)
	if there := cfg.Mounter != "" && err == nil; there || ports || bound {
		out = append(out, s.mounterCondition(ctx))
	}
	if cfg.USB.Guard == configs.GuardBays && bound {
		out = append(out, Condition{
			Code: "guard", Text: "every bay is guarded",
			Mend: "write the ports of bound bays under bays: in the configuration and reload the mounter, which does not see what bay bind entered",
		})
	}
	return out
}

// mounterCondition asks the helper for nothing: that it lets this user in is enough.
func (s *Station) mounterCondition(ctx context.Context) Condition {
	socket := s.conf().Mounter
	c := Condition{Code: "mounter", Args: []string{socket}, Text: "the mounter answers at " + socket}
	client, err := mounter.Dial(ctx, socket)
	if c.OK = err == nil; !c.OK {
		c.Mend = err.Error()
		return c
	}
	_ = client.Close() // it was asked for nothing
	return c
}
