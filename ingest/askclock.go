package ingest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/custodock/custodock/tag"
)

// askClock asks the camera itself, by the hook of its profile.
func (d *docking) askClock(ctx context.Context) (tag.Clock, bool) {
	for _, h := range d.s.conf().Hooks {
		if h.Profile != d.profile.Name || len(h.Clock) == 0 {
			continue
		}
		call := hookCall{
			hook: hookClock, slot: d.bay.slot, bay: d.origin.bay, device: d.origin.device, command: h.Clock, timeout: h.Timeout,
			begun: -1, rec: hookRecord{Profile: h.Profile, USB: d.usb},
		}
		var said cameraClock
		var took time.Duration
		from := d.s.now()
		_, err := d.s.callHook(ctx, call, func(answer string) (err error) {
			took = d.s.now().Sub(from)
			said, err = readClock(answer)
			return err
		})
		if err != nil {
			d.s.logger.Warn("ask the camera's clock", "stage", "clock", "camera", d.origin.device, "err", err)
			return tag.Clock{}, false
		}
		at := from.Add(took / 2) // the camera answered some time in between
		return tag.Clock{N: 1, Point: tag.Point{At: at, Offset: tag.Offset{
			MS: at.Sub(said.at).Milliseconds(), ErrorMS: said.errorMS + (took / 2).Abs().Milliseconds(), Method: tag.Protocol,
		}}}, true
	}
	return tag.Clock{}, false
}

// cameraClock is what a clock hook says.
type cameraClock struct {
	at      time.Time
	errorMS int64
}

// readClock reads the one line of a clock hook: an RFC 3339 time, and perhaps
// error_ms= and how far off the answer may be.
func readClock(answer string) (cameraClock, error) {
	words := strings.Fields(answer)
	bad := fmt.Errorf("it answered %q; it must print one line, an RFC 3339 time and perhaps error_ms=N", answer[:min(len(answer), 200)])
	if len(words) < 1 || len(words) > 2 || strings.Contains(strings.TrimSpace(answer), "\n") {
		return cameraClock{}, bad
	}
	at, err := time.Parse(time.RFC3339Nano, words[0])
	if err != nil || at.Year() < 1900 || at.Year() >= 2200 {
		return cameraClock{}, bad
	}
	c := cameraClock{at: at, errorMS: time.Second.Milliseconds()}
	if strings.Contains(words[0], ".") {
		c.errorMS = 1
	}
	if len(words) == 2 {
		digits, named := strings.CutPrefix(words[1], "error_ms=")
		ms, err := strconv.ParseUint(digits, 10, 32)
		if !named || err != nil {
			return cameraClock{}, bad
		}
		c.errorMS = int64(ms)
	}
	return c, nil
}
