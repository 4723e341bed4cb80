package ingest

import (
	"testing"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
)

// TestEraseMeanwhile: what changes while the first file of a batch is being
// removed counts for the next one.
func TestEraseMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*configs.Config)
		reason why
	}{
		{"erasing was switched off", func(c *configs.Config) { c.Erase.Mode = configs.EraseNever }, whyOff},
		{"the camera is registered no more", func(c *configs.Config) { c.Devices = nil }, whyUncertain},
		{"the camera is another's", func(c *configs.Config) {
			c.Devices = []configs.Device{{ID: "c018", Match: c.Devices[0].Match}}
		}, whyUncertain},
		{"the clips must stay longer", func(c *configs.Config) { c.Erase = configs.Erase{Mode: configs.EraseAfterDays, Days: 9} }, whyDays},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, _ := eraseOptions(t)
			o.Config.Devices[0].Match.Serial = "A1B2"
			s := openErasing(t, o)
			s.erasing.certain = (*docking).certain
			cam := filmed(t, "a.mp4", "b.mp4", "c.mp4")
			st := docked(t, s, cam, func(card *erasable) {
				card.before = func(string) error {
					cfg := s.Config()
					c.change(&cfg)
					s.cfg.Store(&cfg)
					return nil
				}
			})
			st.stays(t, c.reason)
			if st.card.told != 1 || exists(cam+"/a.mp4") || !exists(cam+"/b.mp4") || !exists(cam+"/c.mp4") {
				t.Errorf("told %d times", st.card.told)
			}
			if got := erasings(t, s); got != "erase.begun, clip.erased erased, erase.ended" {
				t.Errorf("entries: %s", got)
			}
		})
	}
}

// TestFolderNotEntered: of files in a folder that was not entered nobody knows
// whether they are gone.
func TestFolderNotEntered(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "DCIM/a.mp4")
	st := docked(t, s, cam, func(c *erasable) { c.before = func(string) error { return device.ErrGone } })
	st.stays(t, whyGone)
	st.take()
	d := st.d
	d.files, d.claims, d.complete = nil, nil, true
	for path, gone := range map[string]int{"DCIM": 0, "DCIM/a.mp4": 0, "DCI": 1} {
		d.skipped = []device.Skipped{{Path: path, Reason: device.SkipLoop}}
		if f, err := d.findErased(t.Context()); err != nil || len(f.gone) != gone {
			t.Errorf("%s was skipped: %d files are said to be gone, %v", path, len(f.gone), err)
		}
	}
}
