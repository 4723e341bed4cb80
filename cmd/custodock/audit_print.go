package main

import (
	"fmt"

	"github.com/custodock/custodock/audit"
	"github.com/custodock/custodock/internal/message"
)

// gapWords says why a gap is believed to be one. They are put together from what
// the finding has, none of which is a name from a device.
func gapWords(lang string, g audit.Gap) string {
	switch g.Kind {
	case audit.GapNumber:
		return message.T(lang, "gap.number", g.What, g.Before, g.After)
	case audit.GapStart:
		return message.T(lang, "gap.start", g.What, g.After)
	case audit.GapChapter:
		return message.T(lang, "gap.chapter", g.What, g.After)
	case audit.GapRecording:
		return message.T(lang, "gap.recording", g.From, g.What)
	case audit.GapSidecar:
		return message.T(lang, "gap.sidecar", g.From, g.What, g.Before, g.After)
	case audit.GapLogged:
		return message.T(lang, "gap.logged", g.From, g.What)
	}
	return message.T(lang, "gap.listed", g.What, g.Docking)
}

// gapLine is a gap with its words, as JSON.
type gapLine struct {
	audit.Gap
	Why string `json:"why"`
}

// printGaps tells every gap, then what is known of each device, then the result.
// A dock that did not sign says so of a log that ended.
func (a *app) printGaps(found foundGaps, size int64, dock bool) error {
	origin := found.head.Checkpoint.Origin
	for _, g := range found.Gaps {
		var err error
		if a.flags.json {
			err = a.printJSON(gapLine{g, gapWords(message.English, g)})
		} else {
			_, err = fmt.Fprintln(a.out, a.say("gap", message.Line(g.Device), g.Docking, gapWords(a.lang, g)))
		}
		if err != nil {
			return err
		}
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"summary": map[string]any{
			"origin": origin, "size": size, "result": found.Result, "gaps": len(found.Gaps), "devices": found.Devices, "note": found.note,
		}})
	}
	for _, d := range found.Devices {
		if err := a.printDevice(d); err != nil {
			return err
		}
	}
	if err := a.println(a.resultWords(found.Result, len(found.Gaps), size, origin)); err != nil {
		return err
	}
	switch {
	case found.note != "":
		return a.println("\n" + found.note)
	case dock:
		return a.println(a.say("gaps.ended"))
	}
	return a.println(a.say("gaps.unsigned"))
}

func (a *app) printDevice(d audit.Device) error {
	device := message.Line(d.Device)
	lines := []string{a.say("gaps.device", device, d.Dockings, d.Clips)}
	for _, c := range d.Counts {
		lines = append(lines, "  "+a.say("gaps.count", c.First, c.From, c.Last, c.To, c.Here, c.Missing))
	}
	for _, u := range d.Unknown {
		switch u.Code {
		case "anew":
			lines = append(lines, "  "+a.say("gaps.anew", u.At))
		case "unfinished":
			lines = append(lines, "  "+a.say("gaps.unfinished", u.At))
		default:
			lines = append(lines, "  "+a.say("gaps."+u.Code, u.Count))
		}
	}
	for _, line := range lines {
		if err := a.println(line); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) resultWords(result string, gaps int, size int64, origin string) string {
	switch result {
	case audit.Complete:
		return a.say("gaps.complete", size, message.Line(origin))
	case audit.Unknown:
		return a.say("gaps.unknown", size, message.Line(origin))
	}
	return a.sayN("gaps.missing", gaps, size, message.Line(origin))
}
