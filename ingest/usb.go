package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/mount"
	"github.com/custodock/custodock/device/mounter"
	"github.com/custodock/custodock/device/usb"
	"github.com/custodock/custodock/store/dir"
)

const (
	mountTries = 5           // a disk is announced before it can be read
	watchAgain = time.Minute // after the kernel would not tell of events
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

// ports are the cameras on the USB ports of this machine. Each of their volumes
// has a docking of its own.
type ports struct {
	s     *Station
	bus   Bus
	ctx   context.Context
	group *errgroup.Group
	stays map[stay]context.CancelCauseFunc
}

// stay is one volume of one device from plugging in to pulling out. The kernel
// numbers a device anew each time, so one that comes back is another stay.
type stay struct {
	port   string
	number int
	volume string // device number; "" is the device itself, spoken to without a file system
}

// serveUSB starts a docking for each volume that appears on USB and ends it when
// the volume goes. It sleeps until the kernel or the configuration says that
// something changed.
func (s *Station) serveUSB(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	p := &ports{s: s, bus: s.o.Bus, ctx: ctx, stays: map[stay]context.CancelCauseFunc{}}
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
func (p *ports) watch(ctx context.Context, news chan<- struct{}) error {
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

func (p *ports) serve(ctx context.Context, news <-chan struct{}) error {
	for {
		changed := p.s.reconfigured.next()
		if err := p.look(); err != nil {
			p.s.logger.Warn("look for cameras on USB", "err", err)
		}
		select {
		case <-news:
		case <-changed:
		case <-ctx.Done():
			for _, cancel := range p.stays {
				cancel(nil)
			}
			return ctx.Err()
		}
	}
}

// look compares what is plugged in with what is docked.
func (p *ports) look() error {
	devices, err := p.bus.Scan()
	if err != nil {
		return err
	}
	there := map[stay]berth{}
	for _, dev := range devices {
		for i, v := range dev.Volumes {
			there[stay{dev.Path, dev.Number, v.DevID}] = p.volume(dev, v, i)
		}
	}
	for at, cancel := range p.stays {
		if _, still := there[at]; !still {
			cancel(device.ErrGone)
			delete(p.stays, at)
			p.s.claims.drop(at.volume)
		}
	}
	for at, where := range there {
		if p.stays[at] == nil && p.ours(at.volume) {
			p.begin(at, where)
		}
	}
	return nil
}

// ours reports whether the volume is for the mounter. Where there is none the
// mount table decides, and what somebody else has mounted, such as an archive
// disk, is left to them.
func (p *ports) ours(devID string) bool {
	socket := p.s.conf().Mounter
	if socket == "" {
		return false
	}
	if _, err := os.Stat(socket); err != nil {
		return false
	}
	return p.s.claims.claim(devID, func() bool {
		table, err := os.Open(mount.Table)
		if err != nil {
			return true
		}
		defer func() { _ = table.Close() }()
		mounts, err := mount.Parse(table)
		for _, m := range mounts {
			if m.DevID == devID {
				return false
			}
		}
		return err == nil
	})
}

func (p *ports) begin(at stay, where berth) {
	ctx, cancel := context.WithCancelCause(p.ctx)
	p.stays[at] = cancel
	p.group.Go(func() error {
		defer cancel(nil)
		p.s.dock(ctx, where)
		return nil
	})
}

// volume is the berth of the nth volume of a device.
func (p *ports) volume(dev usb.Device, v usb.Volume, nth int) berth {
	at := berth{shown: "usb " + dev.Path + " " + v.Name, slot: "usb " + dev.Path}
	if at.name, at.known = p.s.bayOf(dev.Path); at.known {
		at.slot = "bay " + at.name
	}
	if nth > 0 {
		at.slot = fmt.Sprintf("%s %d", at.slot, nth+1)
	}
	at.open = func(ctx context.Context) (device.Tree, error) { return p.s.mountVolume(ctx, dev, v) }
	return at
}

// mountVolume has the privileged helper mount a volume for this process alone.
// The kernel tells of a disk before it can be read, so it is tried a few times.
func (s *Station) mountVolume(ctx context.Context, dev usb.Device, v usb.Volume) (device.Tree, error) {
	for try := 1; ; try++ {
		tree, err := s.mountOnce(ctx, dev, v)
		if err == nil || try == mountTries || errors.Is(err, mounter.ErrFilesystem) || errors.Is(err, mounter.ErrNotAllowed) {
			return tree, err
		}
		if err := s.pause(ctx, s.retryPause); err != nil {
			return nil, err
		}
	}
}

func (s *Station) mountOnce(ctx context.Context, dev usb.Device, v usb.Volume) (device.Tree, error) {
	client, err := mounter.Dial(ctx, s.conf().Mounter)
	if err != nil {
		return nil, err
	}
	m, err := client.Mount(ctx, v.DevID)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	for _, note := range m.Notes {
		s.logger.Info("mount", "camera", printable(dev.Path), "note", printable(note))
	}
	folder, err := device.FromFile(m.Dir, "usb "+dev.Path+" "+v.Name)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if mark, err := folder.Open(dir.Marker); err == nil {
		return nil, errors.Join(fmt.Errorf("dock %s: it is an archive disk: a store is never a source", printable(dev.Path)), mark.Close(), folder.Close(), m.Close())
	}
	ids := m.Identities
	if dev.Serial != "" {
		ids = append(ids, device.Identity{Kind: device.USBSerial, Value: dev.Serial})
	}
	return &volume{Folder: folder, mounted: m, ids: ids}, nil
}

// volume is a folder that the mounter holds for us.
type volume struct {
	*device.Folder
	mounted *mounter.Mounted
	ids     []device.Identity
}

func (v *volume) Identities() []device.Identity { return v.ids }

func (v *volume) Close() error { return errors.Join(v.Folder.Close(), v.mounted.Close()) }

// claims are the block devices that the mounter mounts for this dock, so that
// no camera is docked twice when something else mounts it too.
type claims struct {
	mu   sync.Mutex
	have map[string]bool
}

// claim takes the device if may says so.
func (c *claims) claim(devID string, may func() bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.have[devID] {
		return true
	}
	if !may() {
		return false
	}
	if c.have == nil {
		c.have = map[string]bool{}
	}
	c.have[devID] = true
	return true
}

func (c *claims) drop(devID string) {
	c.mu.Lock()
	delete(c.have, devID)
	c.mu.Unlock()
}

func (c *claims) has(devID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.have[devID]
}
