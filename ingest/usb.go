package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/mount"
	"github.com/custodock/custodock/device/ptp"
	"github.com/custodock/custodock/device/usb"
)

const (
	mountTries = 5           // a disk is announced before it can be read
	talkTries  = 20          // a camera is announced before udev lets us in
	watchAgain = time.Minute // after the kernel would not tell of events
	busyAgain  = time.Second // after a device was being reset
)

// Bus is what shows the USB devices of a machine. Scan is the truth; Watch only
// says when to look again.
type Bus interface {
	Scan() ([]usb.Device, error)
	Watch(ctx context.Context, fn func(usb.Event) error) error
}

// machine is the Bus of the machine we run on.
type machine struct{ usb.Sysfs }

func (machine) Watch(ctx context.Context, fn func(usb.Event) error) error {
	return usb.Watch(ctx, fn)
}

// usbPorts are the cameras on the USB ports of this machine. Each of their volumes
// has a docking of its own.
type usbPorts struct {
	s      *Station
	bus    Bus
	ctx    context.Context
	group  *errgroup.Group
	docked map[plugged]context.CancelCauseFunc
	others map[plugged]bool // what something else mounted: theirs until they are pulled out

	refused map[string]bool // bays with a device that is not let in whole
}

// plugged is one volume of one device from plugging in to pulling out. The kernel
// numbers a device anew each time, so one that comes back is another.
type plugged struct {
	port   string
	number int
	volume string // device number; "" is the device itself, spoken to without a file system
}

// serveUSB starts a docking for each volume that appears on USB and ends it when
// the volume goes. It sleeps until the kernel or the configuration says that
// something changed.
func (s *Station) serveUSB(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	p := &usbPorts{s: s, bus: s.o.Bus, ctx: ctx, docked: map[plugged]context.CancelCauseFunc{}, others: map[plugged]bool{}}
	var dockings errgroup.Group
	p.group = &dockings
	news := make(chan struct{}, 1)
	g.Go(func() error { return p.watch(ctx, news) })
	g.Go(func() error { return p.serve(ctx, news) })
	err := g.Wait()
	s.waitDockings(&dockings)
	return err
}

// watch tells of every event of the kernel, however many at once, as one.
func (p *usbPorts) watch(ctx context.Context, news chan<- struct{}) error {
	for {
		err := p.bus.Watch(ctx, func(usb.Event) error {
			select {
			case news <- struct{}{}:
			default:
			}
			return nil
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.s.logger.Warn("watch USB", "err", err)
		if err := p.s.pause(ctx, watchAgain); err != nil {
			return err
		}
	}
}

func (p *usbPorts) serve(ctx context.Context, news <-chan struct{}) error {
	again := time.NewTimer(busyAgain)
	defer again.Stop()
	for {
		changed := p.s.reconfigured.next()
		if err := p.look(func() { again.Reset(busyAgain) }); err != nil {
			p.s.logger.Warn("look for cameras on USB", "err", err)
		}
		select {
		case <-news:
		case <-again.C:
		case <-changed:
		case <-ctx.Done():
			for _, cancel := range p.docked {
				cancel(nil)
			}
			return ctx.Err()
		}
	}
}

// look compares what is plugged in with what is docked. A device that the kernel
// is resetting has not said who it is: it is looked at again.
func (p *usbPorts) look(again func()) error {
	devices, err := p.bus.Scan()
	if err != nil {
		return err
	}
	p.tellRefused(devices)
	busy, todo := map[plugged]bool{}, map[plugged]func(context.Context){}
	for _, dev := range devices {
		for at, work := range p.works(dev) {
			busy[at], todo[at] = dev.Busy, work
		}
	}
	p.end(todo)
	for at, work := range todo {
		switch {
		case p.docked[at] != nil:
		case busy[at]:
			again()
		case at.volume == "" || p.ours(at):
			p.begin(at, work)
		}
	}
	return nil
}

// end takes leave of what is not there any more. It comes before what is new: a
// camera that was put back at once can have the device number that it had, and
// what it claims must not be dropped for the one that left.
func (p *usbPorts) end(there map[plugged]func(context.Context)) {
	for at, cancel := range p.docked {
		if there[at] == nil {
			cancel(device.ErrGone)
			delete(p.docked, at)
			p.s.claims.drop(at.volume)
		}
	}
	maps.DeleteFunc(p.others, func(at plugged, _ bool) bool { return there[at] == nil })
}

// works are what there is to do for a device: a docking for each volume, one for
// a camera that is spoken to, or asking a program to unlock it.
func (p *usbPorts) works(dev usb.Device) map[plugged]func(context.Context) {
	todo := map[plugged]func(context.Context){}
	for i, v := range dev.Volumes {
		at := p.volume(dev, v, i)
		todo[plugged{dev.Path, dev.Number, v.DevID}] = func(ctx context.Context) { p.s.dock(ctx, at) }
	}
	itself := plugged{dev.Path, dev.Number, ""}
	switch {
	case len(dev.Volumes) > 0 || dev.Hub:
	case has(dev, usb.Kind{Class: usb.ClassImage, SubClass: 1, Protocol: 1}):
		todo[itself] = func(ctx context.Context) { p.s.dock(ctx, p.camera(dev)) }
	case dev.Configured && !stores(dev):
		todo[itself] = func(ctx context.Context) { p.unlock(ctx, dev) }
	}
	return todo
}

// unlock has the program that the configuration names for such a camera open it.
// The camera comes back as another device then.
func (p *usbPorts) unlock(ctx context.Context, dev usb.Device) {
	if _, err := p.s.hookUnlock(ctx, dev.Path, dev.Vendor, dev.Product, dev.Serial); err != nil && ctx.Err() == nil {
		p.s.logger.Warn("unlock", "camera", printable(dev.Path), "err", err)
	}
}

// ours reports whether the volume is for the mounter. Where there is none the
// mount table decides, and what somebody else has mounted, such as an archive
// disk, is left to them; also when they unmounted it and it is about to be pulled out.
func (p *usbPorts) ours(at plugged) bool {
	socket := p.s.conf().Mounter
	if socket == "" || p.others[at] {
		return false
	}
	if _, err := os.Stat(socket); err != nil {
		return false
	}
	return p.s.claims.claim(at.volume, func() bool {
		table, err := os.Open(mount.Table)
		if err != nil {
			return true
		}
		defer func() { _ = table.Close() }()
		mounts, err := mount.Parse(table)
		for _, m := range mounts {
			if m.DevID == at.volume {
				p.others[at] = true
				return false
			}
		}
		return err == nil
	})
}

func (p *usbPorts) begin(at plugged, work func(context.Context)) {
	ctx, cancel := context.WithCancelCause(p.ctx)
	p.docked[at] = cancel
	p.group.Go(func() error {
		defer cancel(nil)
		work(ctx)
		return nil
	})
}

// at is the berth of a device as such.
func (p *usbPorts) at(dev usb.Device) berth {
	port := Port{Path: dev.Path, Peer: dev.Peer, Vendor: dev.Vendor, Product: dev.Product}
	return berth{seat: seat{port: port}, place: "usb " + dev.Path, shown: "usb " + dev.Path}
}

// volume is the berth of the nth volume of a device.
func (p *usbPorts) volume(dev usb.Device, v usb.Volume, nth int) berth {
	at := p.at(dev)
	at.seat.devID = v.DevID
	at.place = fmt.Sprintf("usb %s %d", dev.Path, nth)
	at.shown += " " + v.Name
	at.open = func(ctx context.Context) (device.Tree, error) { return p.s.mountVolume(ctx, dev, v) }
	return at
}

// camera is the berth of a device that is spoken to, and mounted nowhere.
func (p *usbPorts) camera(dev usb.Device) berth {
	at := p.at(dev)
	at.open = func(ctx context.Context) (device.Tree, error) {
		return p.s.talk(ctx, ptp.Target{Bus: dev.Bus, Number: dev.Number}, ptp.Options{Port: dev.Path, Serial: dev.Serial})
	}
	return at
}

// talk opens a camera that is spoken to. The kernel tells of it before udev has
// given it to the daemon's user, so it is tried a few times.
func (s *Station) talk(ctx context.Context, at ptp.Target, o ptp.Options) (device.Tree, error) {
	for try := 1; ; try++ {
		tree, err := s.o.Talk(ctx, at, o)
		if !errors.Is(err, os.ErrPermission) || try == talkTries {
			return tree, err
		}
		if err := s.pause(ctx, s.retryPause/4); err != nil {
			return nil, err
		}
	}
}

// has reports whether a device has an interface of that kind that may be used.
// The still-image one, PIMA 15740, is PTP's.
func has(dev usb.Device, kind usb.Kind) bool {
	return slices.ContainsFunc(dev.Interfaces, func(i usb.Interface) bool {
		return dev.Configured && i.Authorized && i.Kind == kind
	})
}

// stores reports whether a device is a disk, which may come a moment later.
func stores(dev usb.Device) bool {
	return slices.ContainsFunc(dev.Interfaces, func(i usb.Interface) bool { return i.Class == usb.ClassStorage })
}
