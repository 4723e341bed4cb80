package main

import (
	"strings"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

// cosigned says how far witnesses have cosigned the log, and who did not.
func (a *app) cosigned(v *ingest.CosignedView) string {
	if v == nil {
		return ""
	}
	lines := []string{a.say("status.cosigned.never")}
	if !v.Time.IsZero() {
		lines[0] = a.say("status.cosigned", v.Size, v.Time.Local().Format(time.DateTime))
	}
	for _, w := range v.Witnesses {
		if w.Error != "" {
			lines = append(lines, a.say("status.uncosigned", message.Line(w.Name), message.Line(w.Error)))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
