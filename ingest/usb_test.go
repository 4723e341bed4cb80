package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/mount"
	"github.com/custodock/custodock/device/mounter"
	"github.com/custodock/custodock/device/ptp"
	"github.com/custodock/custodock/device/usb"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store/dir"
)

// fakeBus shows the devices that a test plugs in.
type fakeBus struct {
	mu      sync.Mutex
	devices []usb.Device
	tell    func(usb.Event) error
}

func (b *fakeBus) Scan() ([]usb.Device, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.devices, nil
}

func (b *fakeBus) Watch(ctx context.Context, fn func(usb.Event) error) error {
	b.mu.Lock()
	b.tell = fn
	b.mu.Unlock()
	if err := fn(usb.Event{Action: usb.Started}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (b *fakeBus) portOf(devID string) (Port, bool) {
	devices, _ := b.Scan()
	for _, dev := range devices {
		for _, v := range dev.Volumes {
			if v.DevID == devID {
				return Port{Path: dev.Path, Vendor: dev.Vendor, Product: dev.Product}, true
			}
		}
	}
	return Port{}, false
}

func (b *fakeBus) set(devices ...usb.Device) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.devices = devices
	if b.tell != nil {
		_ = b.tell(usb.Event{Action: "add"})
	}
}

// serveMounter runs the privileged helper for loop devices.
func serveMounter(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "mounter")
	l, err := mounter.Listen(socket, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- mounter.Serve(ctx, l, mounter.Options{AllowLoop: true, Log: slog.New(slog.DiscardHandler)})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("mounter: %v", err)
		}
	})
	return socket
}

// usbCard is a loop device with clips that nobody has mounted.
func usbCard(t *testing.T, n int, more func(root string)) (usb.Device, []testbench.File) {
	t.Helper()
	disk := testbench.LoopDisk(t, 16)
	files := testbench.Clips(t, disk.Mountpoint, n, 100_000, 11)
	if more != nil {
		more(disk.Mountpoint)
	}
	var st unix.Stat_t
	if err := unix.Stat(disk.Device, &st); err != nil {
		t.Fatal(err)
	}
	disk.Unmount()
	id := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	return usb.Device{
		Path: "1-1.4", Bus: 1, Number: 7, Vendor: 0x2672, Product: 0x42, Serial: "C34613259A7B21", Authorized: true, Configured: true,
		Volumes: []usb.Volume{{Name: filepath.Base(disk.Device), DevID: id, Size: 16 << 20}},
	}, files
}

func onUSB(t *testing.T, change func(*Options)) (*Station, *fakeBus) {
	t.Helper()
	bus := &fakeBus{}
	s, _ := daemon(t, func(o *Options) {
		o.Bus, o.Config.Mounter = bus, serveMounter(t)
		o.PortOf = bus.portOf
		o.Config.Unknown = configs.UnknownTake
		o.Config.Bays = []configs.Bay{{Name: "bay-01", Path: "1-1.4"}}
		if change != nil {
			change(o)
		}
	})
	return s, bus
}

func bayNamed(st Status, name string) BayStatus {
	for _, b := range st.Bays {
		if b.Bay == name {
			return b
		}
	}
	return BayStatus{}
}

func mounted(t *testing.T, devID string) bool {
	t.Helper()
	table, err := os.Open(mount.Table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = table.Close() }()
	mounts, err := mount.Parse(table)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(mounts, func(m mount.Mount) bool { return m.DevID == devID })
}

// TestUSB: a card is taken whole in its bay, mounted where nobody sees it, and
// its tile goes when it is pulled out.
func TestUSB(t *testing.T) {
	s, bus := onUSB(t, nil)
	dev, files := usbCard(t, 3, nil)
	bus.set(dev)
	st := until(t, s, "done", func(st Status) bool { b := bayNamed(st, "bay-01"); return b.State == BayDone && b.Stored == len(files) })
	if b := bayNamed(st, "bay-01"); !b.MayTake || b.Done != len(files) {
		t.Errorf("bay %+v", b)
	}
	if mounted(t, dev.Volumes[0].DevID) {
		t.Error("the card is in the mount table")
	}
	bus.set()
	until(t, s, "cleared", func(st Status) bool { return bayNamed(st, "bay-01").Bay == "" })

	dev.Number++ // the kernel numbers what comes back anew
	bus.set(dev)
	st = until(t, s, "done again", func(st Status) bool { return bayNamed(st, "bay-01").State == BayDone })
	if b := bayNamed(st, "bay-01"); b.Known != len(files) {
		t.Errorf("after it came back: %+v", b)
	}

	dev.Number++ // it left and came between two looks, and the disk has its number again
	bus.set(dev)
	until(t, s, "docked a third time", func(Status) bool { return len(listed(t, s, "docking.opened")) == 3 })
	if id := dev.Volumes[0].DevID; !s.claims.has(id) {
		t.Errorf("the claim to %s went with the docking before", id)
	}
}

// TestNoCamera is what hangs on USB and is none.
func TestNoCamera(t *testing.T) {
	s, bus := onUSB(t, nil)
	archive, _ := usbCard(t, 1, func(root string) {
		if err := os.WriteFile(filepath.Join(root, dir.Marker), []byte("id\n"), 0o444); err != nil {
			t.Fatal(err)
		}
	})
	bus.set(archive)
	st := until(t, s, "refused", func(st Status) bool { return bayNamed(st, "bay-01").State == BayError })
	if b := bayNamed(st, "bay-01"); !strings.Contains(b.Reason, "archive disk") || b.Listed > 0 {
		t.Errorf("bay %+v", b)
	}
	taken, _ := usbCard(t, 1, nil)
	taken.Path, taken.Number = "1-1.3", 8
	point := t.TempDir()
	if err := unix.Mount("/dev/"+taken.Volumes[0].Name, point, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	bus.set(archive, taken)
	next, _ := usbCard(t, 1, nil)
	next.Path, next.Number = "1-1.2", 9
	bus.set(archive, taken, next)
	st = until(t, s, "the next is done", func(st Status) bool { return bayNamed(st, "1-1.2").State == BayDone })
	if b := bayNamed(st, "1-1.3"); b.Bay != "" {
		t.Errorf("a disk that is mounted elsewhere has a bay: %+v", b)
	}
	if err := unix.Unmount(point, 0); err != nil {
		t.Fatal(err)
	}
	last, _ := usbCard(t, 1, nil)
	last.Path, last.Number = "1-1.1", 10
	bus.set(archive, taken, next, last)
	st = until(t, s, "the last is done", func(st Status) bool { return bayNamed(st, "1-1.1").State == BayDone })
	if b := bayNamed(st, "1-1.3"); b.Bay != "" || s.claims.has(taken.Volumes[0].DevID) {
		t.Errorf("a disk that was unmounted elsewhere has a bay: %+v", b)
	}
}

// TestTalk: a camera that speaks PTP is spoken to where it hangs, as soon as udev
// lets the daemon.
func TestTalk(t *testing.T) {
	cam := t.TempDir()
	files := testbench.Clips(t, cam, 2, 50_000, 3)
	asked := make(chan ptp.Target, 1)
	refusals := 3
	s, bus := onUSB(t, func(o *Options) {
		o.Talk = func(_ context.Context, at ptp.Target, _ ptp.Options) (device.Tree, error) {
			if refusals > 0 {
				refusals--
				return nil, fmt.Errorf("open USB device: %w", os.ErrPermission)
			}
			asked <- at
			return device.Open(cam)
		}
	})
	image := usb.Interface{Kind: usb.Kind{Class: usb.ClassImage, SubClass: 1, Protocol: 1}, Authorized: true}
	dev := usb.Device{Path: "1-1.4", Bus: 1, Number: 5, Authorized: true, Configured: true, Interfaces: []usb.Interface{image}}
	refused := dev
	refused.Path, refused.Number = "1-1.3", 4
	refused.Interfaces = []usb.Interface{{Kind: image.Kind}}
	bus.set(refused, dev)
	until(t, s, "done", func(st Status) bool { b := bayNamed(st, "bay-01"); return b.State == BayDone && b.Stored == len(files) })
	if at := <-asked; at != (ptp.Target{Bus: 1, Number: 5}) {
		t.Errorf("spoke to %+v", at)
	}
	if st, err := s.Status(t.Context()); err != nil || bayNamed(st, "1-1.3").Bay != "" {
		t.Errorf("a device that was not authorised was spoken to: %+v, %v", st, err)
	}
}

// TestRefused: a keyboard in a bay is told of by its bay, and on another port not.
func TestRefused(t *testing.T) {
	s, bus := onUSB(t, func(o *Options) { o.Config.USB.Guard = configs.GuardBays })
	dev := usb.Device{Path: "1-1.4", Bus: 1, Number: 5, Vendor: 0x1d6b, Product: 0x104, Interfaces: []usb.Interface{{Kind: usb.Kind{Class: usb.ClassHID}}}}
	other := dev
	other.Path, other.Number = "1-1.3", 6
	bus.set(other, dev)
	st := until(t, s, "told", func(st Status) bool { return len(st.Alarms) > 0 })
	if al := st.Alarms[0]; len(st.Alarms) != 1 || al.Code != "usb_refused" || !slices.Equal(al.Args, []string{"bay-01"}) || !strings.Contains(al.Text, "1d6b:0104") {
		t.Errorf("alarms %+v", st.Alarms)
	}
	bus.set(other)
	until(t, s, "ended", func(st Status) bool { return len(st.Alarms) == 0 })
}

// TestUnlockOnTheBus: a camera that shows neither storage nor PTP is given to the
// program that the admin named for its model, once.
func TestUnlockOnTheBus(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	s, bus := onUSB(t, func(o *Options) {
		o.Config.Hooks = []configs.Hook{{Profile: "gopro", Unlock: []string{"/bin/sh", "-c", `echo "$CUSTODOCK_PORT" >> "$0"`, ran}, Timeout: time.Minute}}
	})
	dev := usb.Device{
		Path: "1-1.4", Bus: 1, Number: 7, Vendor: 0x2672, Product: 0x42, Authorized: true, Configured: true,
		Interfaces: []usb.Interface{{Kind: usb.Kind{Class: usb.ClassVendor}, Authorized: true}},
	}
	disk := dev
	disk.Path, disk.Interfaces = "1-1.3", []usb.Interface{{Kind: usb.Kind{Class: usb.ClassStorage, SubClass: 6, Protocol: 0x50}, Authorized: true}}
	bus.set(disk, dev)
	entered := func() int { list, _ := entriesOf(t, s, "hook.called"); return len(list) }
	until(t, s, "called", func(Status) bool { return entered() == 2 })
	card, files := usbCard(t, 1, nil)
	card.Path, card.Number = dev.Path, 8
	bus.set(disk, card)
	until(t, s, "done", func(st Status) bool { b := bayNamed(st, "bay-01"); return b.State == BayDone && b.Stored == len(files) })
	if b, err := os.ReadFile(ran); err != nil || string(b) != "1-1.4\n" || entered() != 2 {
		t.Errorf("ran for %q, %v; %d entries", b, err, entered())
	}
}

// TestDoctorOfUSB: doctor speaks of the helper where cameras need it, and of bays
// that it does not guard.
func TestDoctorOfUSB(t *testing.T) {
	told := func(s *Station) (codes []string) {
		list, err := s.Doctor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Code == "mounter" || c.Code == "guard" {
				codes = append(codes, fmt.Sprint(c.Code, " ", c.OK))
			}
		}
		return codes
	}
	o := testOptions(t)
	o.Config.Mounter = filepath.Join(t.TempDir(), "none")
	s := openStation(t, o)
	if got := told(s); len(got) != 0 {
		t.Errorf("without ports and helper: %q", got)
	}
	o = testOptions(t)
	o.Config.Mounter = filepath.Join(t.TempDir(), "none")
	o.Config.Bays = []configs.Bay{{Name: "bay-01", Path: "1-1.4"}}
	if got := told(openStation(t, o)); !slices.Equal(got, []string{"mounter false"}) {
		t.Errorf("without the helper: %q", got)
	}
	o = testOptions(t)
	o.Config.Mounter, o.Config.USB.Guard = serveMounter(t), configs.GuardBays
	s = openStation(t, o)
	if got := told(s); !slices.Equal(got, []string{"mounter true"}) {
		t.Errorf("with the helper: %q", got)
	}
	if _, err := s.Bind(t.Context(), BindRequest{Bay: "bay-02", Port: "1-1.3", Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	if got := told(s); !slices.Equal(got, []string{"mounter true", "guard false"}) {
		t.Errorf("with a bound bay: %q", got)
	}
}
