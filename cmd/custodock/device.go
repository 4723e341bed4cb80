package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) deviceCmd() *cobra.Command {
	return a.group("device", &cobra.Command{
		Use:   "list",
		Short: a.say("cmd.device.list"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listDevices(cmd) },
	}, a.registerCmd(), a.forgetCmd(), a.probeCmd(), a.deviceClockCmd(), a.eraseCmd())
}

// deviceLine is a registered device in JSON.
type deviceLine struct {
	ID         string          `json:"id"`
	Unit       string          `json:"unit"`
	Bay        string          `json:"bay"`
	Profile    string          `json:"profile"`
	Zone       string          `json:"zone"`
	FSUUID     string          `json:"fs_uuid"`
	Label      string          `json:"label"`
	Serial     string          `json:"serial"`
	ProfileID  string          `json:"profile_id"`
	Collectors []collectorLine `json:"collectors"`
	From       string          `json:"from"`
	Docked     string          `json:"docked"`
}

type collectorLine struct {
	Person string `json:"person"`
	Badge  string `json:"badge"`
	Unit   string `json:"unit"`
}

// cameraLine is a docked camera in JSON.
type cameraLine struct {
	Camera ingest.DockedView `json:"camera"`
}

// listDevices shows what is registered and what is docked. Before a state is
// made there is the configuration alone.
func (a *app) listDevices(cmd *cobra.Command) error {
	r := a.configuredDevices()
	err := a.with(cmd.Context(), false, func(desk console.Desk) (err error) {
		r, err = desk.Devices(cmd.Context())
		return err
	})
	if err != nil && !errors.Is(err, ingest.ErrNoState) {
		return err
	}
	if a.flags.json {
		for _, d := range r.Devices {
			if err := a.printJSON(deviceOf(d)); err != nil {
				return err
			}
		}
		for _, d := range r.Docked {
			if err := a.printJSON(cameraLine{d}); err != nil {
				return err
			}
		}
		return nil
	}
	text := a.say("devices.none") + "\n"
	if len(r.Devices) > 0 {
		text = a.deviceTable(r.Devices)
	}
	if len(r.Docked) > 0 {
		text += "\n" + a.say("devices.docked") + "\n" + a.dockedTable(r.Docked)
	}
	_, err = a.out.Write([]byte(text))
	return err
}

func (a *app) configuredDevices() ingest.Registry {
	var r ingest.Registry
	for _, d := range a.cfg.Devices {
		v := ingest.DeviceView{ID: d.ID, From: "config", Match: ingest.Match(d.Match), Profile: d.Profile, Unit: d.Unit, Zone: d.Zone, Bay: d.Bay}
		for _, c := range d.Collectors {
			v.Collectors = append(v.Collectors, clip.Collector(c))
		}
		r.Devices = append(r.Devices, v)
	}
	return r
}

func (a *app) deviceTable(devices []ingest.DeviceView) string {
	t := newTable(a.say("col.device"), a.say("col.unit"), a.say("col.collector"), a.say("col.bay"), a.say("col.known_by"), a.say("col.from"))
	for _, d := range devices {
		var people []string
		for _, c := range d.Collectors {
			people = append(people, strings.TrimSpace(c.Person+" "+c.Badge))
		}
		bay := d.Docked
		if bay == "" {
			bay = d.Bay
		}
		t.add(d.ID, message.Line(d.Unit), message.Line(strings.Join(people, ", ")), message.Line(bay), knownBy(d.Match), d.From)
	}
	return t.String()
}

func (a *app) dockedTable(docked []ingest.DockedView) string {
	t := newTable(a.say("col.bay"), a.say("col.port"), a.say("col.usb"), a.say("col.device"), a.say("col.state"), a.say("col.profile"), a.say("col.says"))
	for _, d := range docked {
		var says []string
		for _, id := range d.Identities {
			word := ""
			switch {
			case id.Agrees:
				word = a.say("devices.agrees")
			case !id.Identifies:
				word = a.say("devices.shared")
			case d.Registered:
				word = a.say("devices.differs")
			}
			if word != "" {
				word = " (" + word + ")"
			}
			says = append(says, id.Kind+" "+message.Safe(id.Value)+word)
		}
		state := console.BayText(ingest.BayStatus{State: d.State}, a.lang)
		t.add(message.Line(d.Bay), d.Port, d.USB, message.Line(d.Device), state, d.Profile, strings.Join(says, ", "))
	}
	text := t.String()
	for _, d := range docked {
		if d.Doubt != "" {
			text += fmt.Sprintf("%s: %s\n", message.Line(d.Bay), message.Line(d.Doubt))
		}
	}
	return text
}

func deviceOf(d ingest.DeviceView) deviceLine {
	l := deviceLine{
		ID: d.ID, Unit: d.Unit, Bay: d.Bay, Profile: d.Profile, Zone: d.Zone, From: d.From, Docked: d.Docked,
		FSUUID: d.Match.FSUUID, Label: d.Match.Label, Serial: d.Match.Serial, ProfileID: d.Match.ProfileID, Collectors: []collectorLine{},
	}
	for _, c := range d.Collectors {
		l.Collectors = append(l.Collectors, collectorLine(c))
	}
	return l
}

func knownBy(m ingest.Match) string {
	var by []string
	for _, v := range []struct{ name, value string }{{"fs_uuid", m.FSUUID}, {"label", m.Label}, {"serial", m.Serial}, {"profile_id", m.ProfileID}} {
		if v.value != "" {
			by = append(by, v.name+" "+message.Safe(v.value))
		}
	}
	return strings.Join(by, ", ")
}
