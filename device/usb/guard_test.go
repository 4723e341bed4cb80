package usb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/device"
)

// dock is a machine with a USB 2 bus and a USB 3 bus that share their sockets,
// another bus beside, a hub, and bays on ports 1-1.1 and 1-1.2.
func dock(t *testing.T, mode Mode) (*kernel, *Guard) {
	t.Helper()
	k := newKernel(newTree(t))
	k.rootHub(1, 2, 4)
	k.rootHub(2, 1, 4)
	k.rootHub(3, 0, 0)
	g := &Guard{Sysfs: k.sysfs(), Mode: mode, Ports: []string{"1-1.1", "1-1.2"}, write: k.write}
	return k, g
}

func usbHub(path string) gadget {
	return gadget{path: path, id: "05e3:0608", class: "09", number: 2, kinds: []Kind{hub}}
}

func board(path string, number int) gadget {
	return gadget{path: path, id: "046d:c31c", number: number, kinds: []Kind{keyboard}}
}

func both(path string, number int) gadget {
	g := camera(path, number)
	g.kinds = []Kind{storage, keyboard}
	return g
}

func apply(t *testing.T, k *kernel, g *Guard, path string) []Verdict {
	t.Helper()
	d, ok, err := k.sysfs().Device(path)
	must(t, err)
	if !ok {
		t.Fatalf("%s is not there", path)
	}
	v, err := g.Apply(d)
	must(t, err)
	return v
}

func wantState(t *testing.T, k *kernel, path, want string) {
	t.Helper()
	if got := k.state(path); got != want {
		t.Errorf("%s is %q, want %q", path, got, want)
	}
}

func TestGuardLetsInWhatABayNeeds(t *testing.T) {
	k, g := dock(t, Bays)
	must(t, g.Start())
	want := []string{"usb1/authorized_default=0", "usb1/interface_authorized_default=0",
		"usb2/authorized_default=0", "usb2/interface_authorized_default=0"}
	if d := cmp.Diff(want, k.writes()); d != "" {
		t.Errorf("at start:\n%s", d)
	}
	k.come(usbHub("1-1"))
	wantState(t, k, "1-1", "out")
	apply(t, k, g, "1-1")
	wantState(t, k, "1-1", "in 09:in:hub")

	k.come(both("1-1.1", 5))
	wantState(t, k, "1-1.1", "out")
	k.writes()
	v := apply(t, k, g, "1-1.1")
	wantState(t, k, "1-1.1", "in 08:in:usb-storage 03:out:")
	if len(v) != 2 || !v[0].Allowed || v[1].Code != RefusedHID {
		t.Errorf("%+v", v)
	}
	want = []string{"1-1.1/authorized=1", "1-1.1:1.0/authorized=1", "drivers_probe=1-1.1:1.0"}
	if d := cmp.Diff(want, k.writes()); d != "" {
		t.Error(d)
	}
	apply(t, k, g, "1-1.1")
	if w := k.writes(); len(w) > 0 {
		t.Errorf("applied again it wrote %q", w)
	}
}

func TestGuardInABay(t *testing.T) {
	for name, tt := range map[string]struct {
		gadget gadget
		want   string
		code   Code
	}{
		"camera":           {camera("1-1.1", 5), "in 08:in:usb-storage", ""},
		"keyboard":         {board("1-1.1", 5), "out", RefusedHID},
		"ptp":              {gadget{path: "1-1.2", id: "2672:0037", number: 5, kinds: []Kind{ptp}}, "in 06:in:", ""},
		"keyboard, USB 3":  {board("2-1.1", 5), "out", RefusedHID},
		"camera, USB 3":    {camera("2-1.1", 5), "in 08:in:usb-storage", ""},
		"behind a hub":     {board("1-1.2.3", 5), "out", RefusedHID},
		"behind it, USB 3": {board("2-1.2.3", 5), "out", RefusedHID},
		"no bay":           {board("1-1.3", 5), "in 03:in:usbhid", ""},
		"no bay, a root":   {board("1-4", 5), "in 03:in:usbhid", ""},
		"no bay, longer":   {board("1-1.12", 5), "in 03:in:usbhid", ""},
		"another bus":      {board("3-1", 5), "in 03:in:usbhid", ""},
	} {
		t.Run(name, func(t *testing.T) {
			k, g := dock(t, Bays)
			must(t, g.Start())
			for _, p := range []string{"1-1", "2-1", "1-1.2", "2-1.2"} {
				if strings.HasPrefix(tt.gadget.path, p+".") {
					k.come(usbHub(p))
					apply(t, k, g, p)
				}
			}
			for p := range 4 { // the kernel makes ports before it tells of the hub
				port := string(rune('1' + p))
				k.link(dir("2-1")+"/2-1:1.0/2-1-port"+port+"/peer", dir("1-1")+"/1-1:1.0/1-1-port"+port)
			}
			k.come(tt.gadget)
			v := apply(t, k, g, tt.gadget.path)
			wantState(t, k, tt.gadget.path, tt.want)
			if tt.code != "" && (len(v) != 1 || v[0].Code != tt.code) || tt.code == "" && slices.ContainsFunc(v, func(v Verdict) bool { return !v.Allowed }) {
				t.Errorf("%+v, want %q", v, tt.code)
			}
		})
	}
}

func TestGuardJudgesWhatIsThereAlready(t *testing.T) {
	k, g := dock(t, Bays)
	k.come(usbHub("1-1"))
	k.come(both("1-1.1", 5))
	k.come(board("1-1.2", 6))
	k.come(board("1-1.3", 7))
	wantState(t, k, "1-1.1", "in 08:in:usb-storage 03:in:usbhid")
	must(t, g.Start())
	k.writes()
	for _, p := range []string{"usb1", "1-1", "1-1.1", "1-1.2", "1-1.3"} {
		apply(t, k, g, p)
	}
	wantState(t, k, "1-1.1", "in 08:in:usb-storage 03:out:")
	wantState(t, k, "1-1.2", "out")
	wantState(t, k, "1-1.3", "in 03:in:usbhid")
	if d := cmp.Diff([]string{"1-1.1:1.1/authorized=0", "1-1.2/authorized=0"}, k.writes()); d != "" {
		t.Error(d)
	}
}

func TestGuardModes(t *testing.T) {
	k, g := dock(t, All)
	k.come(board("3-1", 5))
	must(t, g.Start())
	if w := k.writes(); len(w) != 6 {
		t.Errorf("not every bus: %q", w)
	}
	apply(t, k, g, "3-1")
	wantState(t, k, "3-1", "out")

	k, g = dock(t, Off)
	must(t, g.Start())
	k.come(board("1-1.1", 5))
	apply(t, k, g, "1-1.1")
	wantState(t, k, "1-1.1", "in 03:in:usbhid")
	if w := k.writes(); len(w) > 0 {
		t.Errorf("off, it wrote %q", w)
	}
}

func TestGuardAuthorizesBeforeItProbes(t *testing.T) {
	k, g := dock(t, Bays)
	must(t, g.Start())
	c := camera("1-1.1", 5)
	c.kinds = []Kind{storage, ptp, storage}
	k.come(c)
	k.writes()
	apply(t, k, g, "1-1.1")
	want := []string{"1-1.1/authorized=1", "1-1.1:1.0/authorized=1", "1-1.1:1.1/authorized=1", "1-1.1:1.2/authorized=1",
		"drivers_probe=1-1.1:1.0", "drivers_probe=1-1.1:1.2"}
	if d := cmp.Diff(want, k.writes()); d != "" {
		t.Error(d)
	}
}

func TestGuardTakesBackFromAWrongDriver(t *testing.T) {
	k, g := dock(t, Bays)
	must(t, g.Start())
	k.drivers[storage] = "pegasus" // which goes by vendor and product alone
	k.come(camera("1-1.1", 5))
	v := apply(t, k, g, "1-1.1")
	if !slices.Contains(k.writes(), "drivers_probe=1-1.1:1.0") {
		t.Fatal("the wrong driver was never probed")
	}
	wantState(t, k, "1-1.1", "in 08:out:")
	if len(v) != 1 || v[0].Code != RefusedDriver {
		t.Errorf("%+v", v)
	}
	if v = apply(t, k, g, "1-1.1"); len(v) != 1 || v[0].Code != RefusedDriver {
		t.Errorf("judged again: %+v", v)
	}
	for _, w := range k.writes() {
		if w == "1-1.1:1.0/authorized=1" || strings.HasPrefix(w, "drivers_probe") {
			t.Errorf("judged again it wrote %q", w)
		}
	}
}

func TestGuardSaysWhatFailed(t *testing.T) {
	for name, tt := range map[string]struct {
		at   string
		err  error
		says string
		gone bool
	}{
		"no right":     {"1-1.1/authorized", syscall.EACCES, "run the guard as root", false},
		"read-only":    {"1-1.1:1.0/authorized", syscall.EROFS, "usb.guard to off", false},
		"broken":       {"1-1.1/authorized", syscall.EIO, "plug it in again", false},
		"pulled":       {"1-1.1/authorized", syscall.ENODEV, "", true},
		"pulled later": {"drivers_probe", fs.ErrNotExist, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			k, g := dock(t, Bays)
			must(t, g.Start())
			k.come(camera("1-1.1", 5))
			k.fail[tt.at] = tt.err
			d, _, err := k.sysfs().Device("1-1.1")
			must(t, err)
			_, err = g.Apply(d)
			if err == nil || !strings.Contains(err.Error(), tt.says) || errors.Is(err, device.ErrGone) != tt.gone || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			if !slices.ContainsFunc(k.writes(), func(w string) bool { return strings.HasPrefix(w, tt.at+"=") }) {
				t.Error("the write never failed")
			}
		})
	}
}

func TestGuardSaysThatItCannotStart(t *testing.T) {
	k, g := dock(t, Bays)
	k.fail["usb1/authorized_default"] = syscall.EACCES
	if err := g.Start(); err == nil || !strings.Contains(err.Error(), "as root") {
		t.Errorf("start: %v", err)
	}
	g.Ports = []string{"/media/cam"}
	if err := g.Start(); err == nil {
		t.Error("a folder is no port")
	}
}

func TestGuardSeesWhatTheKernelMadeOfIt(t *testing.T) {
	for name, tt := range map[string]struct {
		then func(k *kernel)
		gone bool
	}{
		"no configuration": {func(k *kernel) { k.answer("1-1.1", false) }, false},
		"another device":   {func(k *kernel) { k.put(dir("1-1.1")+"/devnum", "6\n") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			k, g := dock(t, Bays)
			must(t, g.Start())
			k.come(camera("1-1.1", 5))
			k.after["1-1.1/authorized"] = func() { tt.then(k) }
			d, _, err := k.sysfs().Device("1-1.1")
			must(t, err)
			k.writes()
			_, err = g.Apply(d)
			if errors.Is(err, device.ErrGone) != tt.gone || errors.Is(err, errUnconfigured) == tt.gone {
				t.Errorf("error %v", err)
			}
			if d := cmp.Diff([]string{"1-1.1/authorized=1"}, k.writes()); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestGuardLeavesOtherBusesAlone has somebody else decide about another bus.
func TestGuardLeavesOtherBusesAlone(t *testing.T) {
	k, g := dock(t, Bays)
	must(t, g.Start())
	k.put(dir("usb3")+"/authorized_default", "0\n")
	k.come(board("3-1", 5))
	apply(t, k, g, "3-1")
	wantState(t, k, "3-1", "out")
}

func TestGuardRestores(t *testing.T) {
	k, g := dock(t, Bays)
	g.Kept = filepath.Join(t.TempDir(), "usb-defaults")
	k.put(dir("usb2")+"/authorized_default", "2\n")
	must(t, g.Start())
	crashed := &Guard{Sysfs: g.Sysfs, Mode: Bays, Ports: g.Ports, Kept: g.Kept, write: k.write}
	must(t, crashed.Start()) // the next guard, which finds zeros
	k.writes()
	must(t, crashed.Restore())
	want := []string{"usb1/interface_authorized_default=1", "usb2/interface_authorized_default=1",
		"usb1/authorized_default=1", "usb2/authorized_default=2"}
	if d := cmp.Diff(want, k.writes()); d != "" {
		t.Error(d)
	}
	for path, want := range map[string]string{"usb1/authorized_default": "1", "usb1/interface_authorized_default": "1",
		"usb2/authorized_default": "2", "usb2/interface_authorized_default": "1", "usb3/authorized_default": "1"} {
		if got := k.text("bus/usb/devices/" + path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if _, err := os.Stat(g.Kept); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the note stays: %v", err)
	}

	must(t, crashed.Start())
	off := &Guard{Sysfs: g.Sysfs, Mode: Off, Kept: g.Kept, write: k.write}
	must(t, off.Start())
	if got := k.text("bus/usb/devices/usb1/authorized_default"); got != "1" {
		t.Errorf("switched off after a crash, the default is %s", got)
	}
}
