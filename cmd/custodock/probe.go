package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/internal/message"
)

// probeLimit bounds what is read of a file that may hold an id, in bytes, and
// probeRows what is shown to a person.
const (
	probeLimit = 64 << 10
	probeRows  = 40
)

func (a *app) probeCmd() *cobra.Command {
	var label, usb string
	cmd := &cobra.Command{
		Use:     "probe FOLDER",
		Short:   a.say("cmd.device.probe"),
		Example: "  custodock device probe /media/CARD --label C0170042",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.probe(cmd.Context(), args[0], label, usb)
		},
	}
	cmd.Flags().StringVar(&label, "label", "", a.say("flag.probe.label"))
	cmd.Flags().StringVar(&usb, "usb", "", a.say("flag.probe.usb"))
	return cmd
}

// probeLine is what a profile makes of one file, in JSON.
type probeLine struct {
	Path      string          `json:"path"`
	Role      string          `json:"role"` // "" for what is ignored
	Guessed   bool            `json:"guessed"`
	Protected bool            `json:"protected"`
	Device    string          `json:"device"`
	Officer   string          `json:"officer"`
	Unit      string          `json:"unit"`
	Seq       string          `json:"seq"`
	Time      string          `json:"time"`
	Recording *clip.Recording `json:"recording,omitempty"`
}

// probe reads names, and files that may hold an id. It takes nothing in.
func (a *app) probe(ctx context.Context, path, label, usb string) error {
	set, err := profile.Load(configs.Devices(), a.cfg.Profiles)
	if err != nil {
		return err
	}
	folder, err := device.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	for _, id := range folder.Identities() {
		if id.Kind == device.Label && label == "" {
			label = id.Value
		}
	}
	var paths []string
	if _, err := folder.Scan(ctx, func(f device.File) error {
		paths = append(paths, f.Path)
		return nil
	}); err != nil {
		return fmt.Errorf("list %s: %w", message.Safe(path), err)
	}
	p := set.Match(paths, label, usb)
	id := p.LabelDevice(label)
	for _, rule := range p.IDFiles() {
		for _, name := range paths {
			if id == "" && rule.Match(name) {
				id = rule.Find(beginning(folder, name))
			}
		}
	}
	lines := make([]probeLine, len(paths))
	for i, name := range paths {
		f := p.Classify(name)
		lines[i] = probeLine{
			Path: name, Role: string(f.Role), Guessed: f.Guessed, Protected: f.Protected, Device: f.Device, Officer: f.Officer,
			Unit: f.Unit, Seq: f.Seq, Time: f.Time.Raw, Recording: f.Recording,
		}
	}
	return a.printProbe(p, id, lines)
}

func (a *app) printProbe(p *profile.Profile, id string, lines []probeLine) error {
	if a.flags.json {
		if err := a.printJSON(map[string]string{"profile": p.Name, "device": id}); err != nil {
			return err
		}
		for _, l := range lines {
			if err := a.printJSON(l); err != nil {
				return err
			}
		}
		return nil
	}
	text := a.say("probe.profile", p.String()) + "\n"
	if id != "" {
		text += a.say("probe.id", id) + "\n"
	}
	t := newTable(a.say("col.path"), a.say("col.role"), a.say("col.device"), a.say("col.time"), a.say("col.chapters"))
	for i, l := range lines {
		if i == probeRows {
			break
		}
		role, part := l.Role, ""
		if role == "" {
			role = a.say("probe.ignored")
		}
		if l.Recording != nil {
			part = a.say("show.part", l.Recording.Part, l.Recording.ID)
		}
		t.add(message.Safe(l.Path), role, l.Device, l.Time, part)
	}
	text += t.String()
	if more := len(lines) - probeRows; more > 0 {
		text += a.sayN("probe.more", more) + "\n"
	}
	_, err := io.WriteString(a.out, text)
	return err
}

func beginning(folder *device.Folder, name string) []byte {
	f, err := folder.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, probeLimit))
	if err != nil {
		return nil
	}
	return b
}
