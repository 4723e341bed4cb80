package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/keyfile"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// Doctor looks at every condition the dock needs and says how to mend those
// that do not hold.
func (s *Station) Doctor(ctx context.Context) ([]Condition, error) {
	s.lookAround()
	out := []Condition{s.diskCondition(), filesystemCondition(s.state), s.keyCondition(), s.clockCondition(), s.logCondition()}
	if c, any := s.endorsedCondition(); any {
		out = append(out, c)
	}
	for _, c := range s.centrals() {
		answers := s.storeCondition(ctx, c)
		out = append(out, answers)
		if answers.OK {
			out = append(out, s.inspect(ctx, c)...)
		}
	}
	if c, waiting := s.endedCondition(); waiting {
		out = append(out, c)
	}
	out = append(out, s.witnessConditions()...)
	out = append(out, s.usbConditions(ctx)...)
	for _, root := range s.conf().Roots {
		out = append(out, folderCondition("root", root))
	}
	for _, drop := range s.conf().Drops {
		out = append(out, folderCondition("drop", drop.Path))
	}
	for _, al := range s.alarms.list() {
		out = append(out, Condition{Code: "alarm", Args: append([]string{al.Code}, al.Args...), Text: al.Code, Mend: al.Text})
	}
	return out, nil
}

func (s *Station) diskCondition() Condition {
	c := Condition{Code: "disk", Text: "room on the dock's disk"}
	var st unix.Statfs_t
	if err := unix.Statfs(s.state, &st); err != nil {
		c.Mend = stateError(s.state, err).Error()
		return c
	}
	free := int64(st.Bavail) * st.Bsize
	c.Args = []string{fmt.Sprint(free >> 20), fmt.Sprint(int64(s.conf().Reserve) >> 20)}
	c.Text = fmt.Sprintf("%d MB free on the dock's disk, %d MB kept for the manifest", free>>20, int64(s.conf().Reserve)>>20)
	if c.OK = s.spool.room(0) == nil; !c.OK {
		c.Mend = "free space on the dock's disk, or wait until uploads make room"
	}
	return c
}

func (s *Station) keyCondition() Condition {
	path := s.ring.where()
	c := Condition{Code: "key", Args: []string{path}, Text: "signing key " + path + " is readable by its owner only"}
	_, err := s.ring.read()
	switch {
	case errors.Is(err, keyfile.ErrOpen):
		c.Mend = "chmod 600 " + path
	case err != nil:
		c.Mend = "restore the signing key from its backup: " + err.Error()
	default:
		c.OK = true
	}
	return c
}

func (s *Station) clockCondition() Condition {
	now := s.clock()
	c := Condition{
		Code: "clock", Args: []string{fmt.Sprint(now.ErrorMS)}, OK: now.Synced,
		Text: "the dock's clock is synchronised with a time server",
	}
	if !c.OK {
		c.Mend = "start a time service such as systemd-timesyncd or chrony; entries say until then that the clock is unchecked"
	}
	return c
}

func (s *Station) logCondition() Condition {
	c := Condition{Code: "log", Args: []string{s.log}, Text: "log " + s.log + " is the one the stores know", OK: s.healthy() == nil}
	if !c.OK {
		c.Mend = "another dock wrote this log, or the state is from a backup: run custodock log recover"
	}
	return c
}

// endedCondition tells of clips that were still in the spool of a log that
// ended: they are safe here and in no store.
func (s *Station) endedCondition() (Condition, bool) {
	left, err := filepath.Glob(filepath.Join(s.state, "ended", "*", "spool", "*"))
	if err != nil || len(left) == 0 {
		return Condition{}, false
	}
	dir := filepath.Dir(left[0])
	return Condition{
		Code: "ended", Args: []string{fmt.Sprint(len(left)), dir}, Text: fmt.Sprintf("%d clips of an ended log wait in %s", len(left), dir),
		Mend: "dock their cameras again; when all clips are in the new log, move the folder away",
	}, true
}

func (s *Station) storeCondition(ctx context.Context, central *central) Condition {
	c := Condition{Code: "store", Args: []string{central.name, central.cfg.URL}, Text: "store " + central.name + " at " + central.cfg.URL + " answers"}
	err := s.reach(ctx, central)
	if shown, _ := s.ledger.Published(central.name); err == nil && shown > 0 {
		err = central.use(func(st store.Store) error {
			_, err := st.Stat(ctx, manifest.KeyPath(s.log), "")
			return err
		})
	}
	if c.OK = err == nil; !c.OK {
		c.Mend = err.Error()
	}
	return c
}

func folderCondition(code, path string) Condition {
	c := Condition{Code: code, Args: []string{path}, Text: "folder " + path + " is there"}
	fi, err := os.Stat(path)
	if c.OK = err == nil && fi.IsDir(); !c.OK {
		c.Mend = "make the folder " + path + ", or take it out of the configuration"
	}
	return c
}
