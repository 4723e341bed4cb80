package ingest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
)

// ports plays the ports of disks.
type ports struct {
	mu    sync.Mutex
	ports map[string]Port
}

func (u *ports) portOf(devID string) (Port, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p, ok := u.ports[devID]
	return p, ok
}

func (u *ports) at(t *testing.T, d *testbench.Disk, path string) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ports == nil {
		u.ports = map[string]Port{}
	}
	u.ports[devIDOf(t, d)] = Port{Path: path, Vendor: 0x1d6b, Product: 0x0104}
}

// TestBind: a bay is the port of the one camera that is docked outside the named
// bays, wherever its file system is mounted.
func TestBind(t *testing.T) {
	hub := &ports{}
	s, root := daemon(t, func(o *Options) {
		o.PortOf = hub.portOf
		o.Config.Bays = []configs.Bay{{Name: "desk", Path: "1-2"}}
	})
	ctx := context.Background()
	bind := func(name, camera, port string) error {
		_, err := s.Bind(ctx, BindRequest{Bay: name, Camera: camera, Port: port, Actor: "admin"})
		return err
	}
	refused := func(err error, want string) {
		t.Helper()
		if !errors.Is(err, ErrRegistry) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	refused(bind("bay-01", "", ""), "no camera is docked over USB")
	one, two, three := card(t, "2222222"), card(t, "3333333"), card(t, "4444444")
	hub.at(t, one, "1-1.4")
	hub.at(t, two, "1-1.5")
	hub.at(t, three, "1-2")
	a, outA := plug(t, one, root, "somebody")
	desk, _ := plug(t, three, root, "three")
	until(t, s, "done", func(st Status) bool { return done(a)(st) && done(desk)(st) })
	if err := bind("bay-01", "", ""); err != nil {
		t.Fatal(err)
	}
	st := until(t, s, "named", func(st Status) bool { return bayAt(st, a).Bay == "bay-01" })
	if bayAt(st, desk).Bay != "desk" || bayAt(st, a).Port != "1-1.4" {
		t.Errorf("bays %+v", st.Bays)
	}
	refused(bind("desk", "", "1-9"), "the configuration has bay desk")
	refused(bind("bay-02", "", "1-2"), "the configuration has bay desk")
	refused(bind("bay 2", "", "1-3"), "bay name")
	refused(bind("bay-02", "", "../1"), "as the kernel does")
	outA()
	until(t, s, "out", func(st Status) bool { return bayAt(st, a).Path == "" })
	a, _ = plug(t, one, root, "another-name")
	b, _ := plug(t, two, root, "two")
	st = until(t, s, "both", func(st Status) bool { return done(a)(st) && done(b)(st) })
	if bayAt(st, a).Bay != "bay-01" || bayAt(st, b).Bay != "two" {
		t.Errorf("bays %+v", st.Bays)
	}
	if err := bind("bay-01", bayAt(st, b).Device, ""); err != nil {
		t.Fatal(err)
	}
	st = until(t, s, "moved", func(st Status) bool { return bayAt(st, b).Bay == "bay-01" && bayAt(st, a).Bay == "another-name" })
	views, err := s.Bays(ctx)
	if err != nil || len(views) != 2 || views[0].Bay != "bay-01" || views[0].Path != "1-1.5" || views[0].Device != bayAt(st, b).Device || views[1].From != fromConfig {
		t.Errorf("bays %+v, %v", views, err)
	}
	if name, public := s.bayOf(seat{point: "/media/x", port: Port{Path: "2-1.5", Peer: "1-1.5"}}); name != "bay-01" || !public {
		t.Errorf("a faster camera in the same socket is in bay %q", name)
	}
	if err := bind("bay-02", "", "1-1.5"); err != nil {
		t.Fatal(err)
	}
	if got := s.boundBays(); len(got) != 1 || got["bay-02"] != "1-1.5" {
		t.Errorf("a port is two bays: %v", got)
	}
	named := 0
	for _, c := range clips(t, s) {
		if c.Bay == "bay-01" {
			named++
		}
		if c.Bay == "two" || c.Bay == "somebody" {
			t.Errorf("an entry names a folder: %+v", c)
		}
	}
	if named != 0 {
		t.Errorf("%d clips were taken before their bay had a name", named)
	}
}
