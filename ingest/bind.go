package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device/usb"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// BayView is a bay with its name.
type BayView struct {
	Bay    string `json:"bay"`
	Path   string `json:"path"` // USB port or mount point
	From   string `json:"from"` // config or log
	Device string `json:"device"`
	State  string `json:"state"` // of the camera in it, "" when it is empty
}

// BindRequest gives a bay its USB port: the one named, that of a docked camera,
// or that of the only camera that is docked in no named bay.
type BindRequest struct {
	Bay    string `json:"bay"`
	Port   string `json:"port"`
	Camera string `json:"camera"`
	Actor  string `json:"actor"`
}

// Bays tells of every bay with a name, in the order of the names.
func (s *Station) Bays(context.Context) ([]BayView, error) {
	out := []BayView{}
	for _, b := range s.conf().Bays {
		out = append(out, BayView{Bay: b.Name, Path: b.Path, From: fromConfig})
	}
	for name, port := range s.boundBays() {
		out = append(out, BayView{Bay: name, Path: port, From: fromLog})
	}
	for i := range out {
		for _, st := range s.bayStatus() {
			if st.Bay == out[i].Bay && !st.Drop {
				out[i].Device, out[i].State = st.Device, st.State
			}
		}
	}
	slices.SortFunc(out, func(a, b BayView) int { return strings.Compare(a.Bay, b.Bay) })
	return out, nil
}

// Bind enters the port of a bay. A bay that had another port moves; a port that
// was another bay is that no more.
func (s *Station) Bind(ctx context.Context, r BindRequest) (BayView, error) {
	if problem := configs.BayNameProblem(r.Bay); problem != "" {
		return BayView{}, fmt.Errorf("bind bay: %w: %s", ErrRegistry, problem)
	}
	at, err := s.portFor(r)
	if err != nil {
		return BayView{}, err
	}
	port := at.Path
	for _, b := range s.conf().Bays {
		if b.Name == r.Bay || b.Path == port || at.is(b.Path) {
			return BayView{}, fmt.Errorf("bind bay %s to port %s: %w: the configuration has bay %s at %q: change it there", r.Bay, port, ErrRegistry, b.Name, b.Path)
		}
	}
	record, err := manifest.NewRecord(bound{Port: port})
	if err != nil {
		return BayView{}, err
	}
	err = s.commit(ctx, func(tx *ledger.Tx) error {
		_, err := s.append(tx, manifest.Draft{Type: "bay.bound", Actor: r.Actor, Record: record, Fields: manifest.Object{"bay": r.Bay}})
		return err
	})
	if err != nil {
		return BayView{}, err
	}
	s.rename()
	s.registryChanged(ctx)
	v := BayView{Bay: r.Bay, Path: port, From: fromLog}
	for _, st := range s.bayStatus() {
		if st.Bay == r.Bay {
			v.Device, v.State = st.Device, st.State
		}
	}
	return v, nil
}

// rename shows each docked camera in the bay that its seat is now. What is being
// entered of it keeps the name that it began with.
func (s *Station) rename() {
	s.seats.mu.Lock()
	defer s.seats.mu.Unlock()
	for one := range s.seats.all {
		name, _ := s.bayOf(one.seat)
		one.bay.update(func(st *BayStatus) { st.Bay = name })
	}
}

// portFor is the port that a request means.
func (s *Station) portFor(r BindRequest) (Port, error) {
	if r.Port != "" {
		if !usb.IsPort(r.Port) || len(r.Port) > 64 {
			return Port{}, fmt.Errorf("bind bay %s: %w: port %q; write it as the kernel does, such as 1-1.4", r.Bay, ErrRegistry, r.Port)
		}
		return Port{Path: r.Port}, nil
	}
	if r.Camera != "" {
		one, err := s.docked(r.Camera)
		if err == nil && one.seat.port.Path == "" {
			err = fmt.Errorf("bind bay %s: %w: camera %q is not on USB: name the mount point under bays: in the configuration", r.Bay, ErrRegistry, r.Camera)
		}
		if err != nil {
			return Port{}, err
		}
		return one.seat.port, nil
	}
	s.seats.mu.Lock()
	defer s.seats.mu.Unlock()
	ports := map[string]Port{}
	for one := range s.seats.all {
		port := one.seat.port
		if _, named := s.bayOf(one.seat); !named && one.ctx.Err() == nil && port.Path != "" {
			ports[port.Path] = port
		}
	}
	switch len(ports) {
	case 1:
		for _, port := range ports {
			return port, nil
		}
	case 0:
		return Port{}, fmt.Errorf("bind bay %s: %w: no camera is docked over USB outside the named bays: dock one there, or give --port or --camera", r.Bay, ErrRegistry)
	}
	return Port{}, fmt.Errorf("bind bay %s: %w: %d cameras are docked outside the named bays: leave one of them in, or give --port or --camera", r.Bay, ErrRegistry, len(ports))
}
