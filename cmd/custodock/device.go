package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) deviceCmd() *cobra.Command {
	return a.group("device", &cobra.Command{
		Use:   "list",
		Short: a.say("cmd.device.list"),
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.listDevices() },
	}, a.eraseCmd())
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
	Collectors []collectorLine `json:"collectors"`
}

type collectorLine struct {
	Person string `json:"person"`
	Badge  string `json:"badge"`
	Unit   string `json:"unit"`
}

func (a *app) listDevices() error {
	if a.flags.json {
		for _, d := range a.cfg.Devices {
			if err := a.printJSON(deviceOf(d)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(a.cfg.Devices) == 0 {
		return a.println(a.say("devices.none"))
	}
	t := newTable(a.say("col.device"), a.say("col.unit"), a.say("col.collector"), a.say("col.bay"), a.say("col.known_by"))
	for _, d := range a.cfg.Devices {
		var people []string
		for _, c := range d.Collectors {
			people = append(people, strings.TrimSpace(c.Person+" "+c.Badge))
		}
		t.add(d.ID, message.Line(d.Unit), message.Line(strings.Join(people, ", ")), d.Bay, knownBy(d.Match))
	}
	_, err := a.out.Write([]byte(t.String()))
	return err
}

func deviceOf(d configs.Device) deviceLine {
	l := deviceLine{
		ID: d.ID, Unit: d.Unit, Bay: d.Bay, Profile: d.Profile, Zone: d.Zone,
		FSUUID: d.Match.FSUUID, Label: d.Match.Label, Serial: d.Match.Serial, Collectors: []collectorLine{},
	}
	for _, c := range d.Collectors {
		l.Collectors = append(l.Collectors, collectorLine(c))
	}
	return l
}

func knownBy(m configs.Match) string {
	var by []string
	for _, v := range []struct{ name, value string }{{"fs_uuid", m.FSUUID}, {"label", m.Label}, {"serial", m.Serial}} {
		if v.value != "" {
			by = append(by, v.name+" "+message.Safe(v.value))
		}
	}
	return strings.Join(by, ", ")
}
