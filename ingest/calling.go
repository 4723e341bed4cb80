package ingest

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/custodock/custodock/internal/pager"
)

// call starts telling alarms to the program of the configuration in force until
// the returned function is called, which waits for what is under way.
func (s *Station) call() (stop func()) {
	p := pager.New(pager.Options{
		Command: func() []string { return s.conf().Alarms.Command }, Log: s.logger, Outcome: s.commandAlarm, Now: s.now, After: s.o.after,
	})
	s.alarms.listen(func(event, key string, al Alarm) {
		if al.Code == "alarm_command" {
			return // it could not be told
		}
		p.Tell(key, pager.Call{
			Event: event, Code: al.Code, Args: al.Args, Text: al.Text, Since: formatTime(al.Since),
			Dock: s.authority, Log: s.log, Time: formatTime(s.now()),
		})
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// commandAlarm notes how the alarm command ended last.
func (s *Station) commandAlarm(err error) {
	if err == nil {
		s.alarms.clear("alarm_command")
	} else {
		s.alarms.raise("alarm_command", err, s.now())
	}
	s.change.wake()
}

// cameraCame ends what was said of another camera in this bay.
func (s *Station) cameraCame(b BayStatus) {
	for _, al := range s.alarms.list() {
		if al.Code == "device_error" && al.Args[0] == b.Bay && al.Args[2] != b.Device {
			s.alarms.clear(al.Code, al.Args...)
		}
	}
}

// cameraRead says of a camera that was read to its end whether clips remain on
// it. It may have been in another bay before.
func (s *Station) cameraRead(b BayStatus) {
	left := max(b.Remaining, b.Failed+b.Unstable)
	for _, al := range s.alarms.list() {
		if al.Code == "device_error" && al.Args[2] == b.Device && (left == 0 || al.Args[0] != b.Bay) {
			s.alarms.clear(al.Code, al.Args...)
		}
	}
	if left > 0 {
		s.alarms.raise("device_error", fmt.Errorf("bay %s: %d clips remain on camera %s: %s", b.Bay, left, b.Device, b.Reason),
			s.now(), b.Bay, strconv.Itoa(left), b.Device)
	}
	s.change.wake()
}
