package console

import (
	"cmp"
	"context"
	"net/http"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/ingest"
)

// The version of the interface, and where its calls are.
const (
	apiVersion = 1
	apiRoot    = "/v1/"
)

// The operations that the code itself names; a path is its operation below
// apiRoot, and access says who may ask for it.
const (
	opVersion = "version"
	opIngest  = "ingest"
	opTag     = "tag"
	opExport  = "export"
	opEnrol   = "register"
	opForget  = "forget"
	opBind    = "bind"
	opView    = "view"
	opClock   = "clock"
	opErase   = "erase"
	opDerive  = "derive"
	opGaps    = "gaps"
)

// The paths of the interface.
const (
	pathVersion    = apiRoot + opVersion
	pathStatus     = apiRoot + "status"
	pathChanged    = apiRoot + "changed"
	pathEvents     = apiRoot + "events"
	pathClips      = apiRoot + "clips"
	pathShow       = apiRoot + "show"
	pathTag        = apiRoot + opTag
	pathIngest     = apiRoot + opIngest
	pathExport     = apiRoot + opExport
	pathView       = apiRoot + opView
	pathClock      = apiRoot + opClock
	pathKey        = apiRoot + "key"
	pathInstall    = apiRoot + "install"
	pathCheckpoint = apiRoot + "checkpoint"
	pathEntry      = apiRoot + "entry"
	pathProve      = apiRoot + "prove"
	pathAnchor     = apiRoot + "anchor"
	pathReceipt    = apiRoot + "receipt"
	pathDoctor     = apiRoot + "doctor"
	pathAgree      = apiRoot + "agree"
	pathDevices    = apiRoot + "devices"
	pathRegister   = apiRoot + opEnrol
	pathForget     = apiRoot + opForget
	pathBays       = apiRoot + "bays"
	pathBind       = apiRoot + opBind
	pathErase      = apiRoot + opErase
	pathDerive     = apiRoot + opDerive
	pathGaps       = apiRoot + opGaps
)

// route is one call of the interface.
type route struct {
	method, path string
	op           string // for access
	serve        http.HandlerFunc
}

func onPost(path string, serve http.HandlerFunc) route {
	return route{method: http.MethodPost, path: path, op: path[len(apiRoot):], serve: serve}
}

func onGet(path string, serve http.HandlerFunc) route {
	return route{method: http.MethodGet, path: path, op: path[len(apiRoot):], serve: serve}
}

// what names an entry or a clip.
type what struct {
	What string `json:"what"`
}

// agreement names a store whose locks an admin agrees to.
type agreement struct {
	Store string `json:"store"`
}

// The answers that are not a type of package ingest.
type (
	keyAnswer struct {
		Key string `json:"key"`
	}
	bytesAnswer struct {
		Bytes []byte `json:"bytes"` // base64
	}
	clipsAnswer struct {
		Clips []string `json:"clips"`
	}
	stampAnswer struct {
		Stamps []ingest.Stamp `json:"stamps"`
	}
	condAnswer struct {
		Conditions []ingest.Condition `json:"conditions"`
	}
	noteAnswer struct {
		Note string `json:"note"`
	}
	baysAnswer struct {
		Bays []ingest.BayView `json:"bays"`
	}
	empty struct{}
)

// Version is what a daemon says of its interface and of the caller.
type Version struct {
	API     int           `json:"api"`
	Version string        `json:"version"` // of the daemon's program
	UID     uint32        `json:"uid"`     // of the caller, as the kernel says
	Roles   []access.Role `json:"roles"`
	Rights  []string      `json:"rights"` // operations the caller may ask for
}

func (s *server) routes() []route {
	d := s.Desk
	return append(s.logRoutes(), []route{
		onGet(pathVersion, s.version),
		onGet(pathEvents, s.events),
		onPost(pathClips, s.clips),
		onPost(pathIngest, s.ingest),
		onPost(pathStatus, answer(s, func(ctx context.Context, _ empty) (ingest.Status, error) {
			return d.Status(ctx)
		})),
		onPost(pathChanged, answer(s, func(ctx context.Context, _ empty) (empty, error) { return empty{}, d.Changed(ctx) })),
		onPost(pathShow, answer(s, func(ctx context.Context, q what) (ingest.ClipDetail, error) {
			return d.Show(ctx, q.What)
		})),
		onPost(pathTag, answer(s, s.tag)),
		onPost(pathExport, answer(s, s.export)),
		onPost(pathView, answer(s, s.view)),
		onPost(pathClock, answer(s, s.clock)),
		onPost(pathAnchor, answer(s, func(ctx context.Context, _ empty) (ingest.AnchorView, error) { return d.Anchor(ctx) })),
		onPost(pathReceipt, answer(s, func(ctx context.Context, q what) (ingest.ReceiptView, error) {
			return d.Receipt(ctx, q.What)
		})),
		onPost(pathDoctor, answer(s, func(ctx context.Context, _ empty) (condAnswer, error) {
			found, err := d.Doctor(ctx)
			return condAnswer{found}, err
		})),
		onPost(pathAgree, answer(s, func(ctx context.Context, q agreement) (empty, error) {
			return empty{}, d.Agree(ctx, q.Store)
		})),
		onPost(pathDevices, answer(s, func(ctx context.Context, _ empty) (ingest.Registry, error) {
			return d.Devices(ctx)
		})),
		onPost(pathRegister, answer(s, s.register)),
		onPost(pathForget, answer(s, s.forget)),
		onPost(pathBays, answer(s, func(ctx context.Context, _ empty) (baysAnswer, error) {
			bays, err := d.Bays(ctx)
			return baysAnswer{bays}, err
		})),
		onPost(pathBind, answer(s, s.bind)),
		onPost(pathErase, answer(s, s.erase)),
		onPost(pathDerive, answer(s, s.derive)),
		onPost(pathGaps, answer(s, s.gaps)),
	}...)
}

// logRoutes are the calls that are about the log itself and its key.
func (s *server) logRoutes() []route {
	d := s.Desk
	return []route{
		onPost(pathKey, answer(s, func(ctx context.Context, _ empty) (keyAnswer, error) {
			key, err := d.Key(ctx)
			return keyAnswer{key}, err
		})),
		onPost(pathInstall, answer(s, func(ctx context.Context, q ingest.InstallRequest) (ingest.Endorsement, error) {
			return d.Install(ctx, q)
		})),
		onPost(pathCheckpoint, answer(s, func(ctx context.Context, _ empty) (bytesAnswer, error) {
			b, err := d.Checkpoint(ctx)
			return bytesAnswer{b}, err
		})),
		onPost(pathEntry, answer(s, func(ctx context.Context, q what) (bytesAnswer, error) {
			b, err := d.Entry(ctx, q.What)
			return bytesAnswer{b}, err
		})),
		onPost(pathProve, answer(s, func(ctx context.Context, q what) (bytesAnswer, error) {
			b, err := d.Prove(ctx, q.What)
			return bytesAnswer{b}, err
		})),
	}
}

func (s *server) version(w http.ResponseWriter, r *http.Request) {
	peer := connOf(r.Context()).peer
	roles := s.Access().Roles(peer)
	s.tell(w, Version{API: apiVersion, Version: s.Version, UID: peer.UID, Roles: roles, Rights: access.Rights(roles)})
}

func (s *server) tag(ctx context.Context, q ingest.TagRequest) (stampAnswer, error) {
	err := s.signAs(ctx, opTag, &q.Actor, &q.By)
	if err != nil {
		return stampAnswer{}, err
	}
	q.Change = ownWords(q.Change)
	stamps, err := s.Desk.Tag(ctx, q)
	return stampAnswer{stamps}, err
}

func (s *server) export(ctx context.Context, q ingest.ExportRequest) (clipsAnswer, error) {
	if err := s.signAs(ctx, opExport, &q.Actor, nil); err != nil {
		return clipsAnswer{}, err
	}
	clips, err := s.Desk.Export(ctx, q)
	return clipsAnswer{clips}, err
}

func (s *server) view(ctx context.Context, q ingest.ViewRequest) (empty, error) {
	if err := s.signAs(ctx, opView, &q.Actor, nil); err != nil {
		return empty{}, err
	}
	return empty{}, s.Desk.View(ctx, q)
}

func (s *server) gaps(ctx context.Context, q ingest.GapsRequest) (noteAnswer, error) {
	if err := s.signAs(ctx, opGaps, &q.Actor, nil); err != nil {
		return noteAnswer{}, err
	}
	note, err := s.Desk.SignGaps(ctx, q)
	return noteAnswer{note}, err
}

func (s *server) register(ctx context.Context, q ingest.RegisterRequest) (ingest.DeviceView, error) {
	if err := s.signAs(ctx, opEnrol, &q.Actor, nil); err != nil {
		return ingest.DeviceView{}, err
	}
	return s.Desk.Register(ctx, q)
}

func (s *server) forget(ctx context.Context, q ingest.ForgetRequest) (empty, error) {
	if err := s.signAs(ctx, opForget, &q.Actor, nil); err != nil {
		return empty{}, err
	}
	return empty{}, s.Desk.Forget(ctx, q)
}

func (s *server) bind(ctx context.Context, q ingest.BindRequest) (ingest.BayView, error) {
	if err := s.signAs(ctx, opBind, &q.Actor, nil); err != nil {
		return ingest.BayView{}, err
	}
	return s.Desk.Bind(ctx, q)
}

func (s *server) clock(ctx context.Context, q ingest.ClockRequest) (empty, error) {
	if err := s.signAs(ctx, opClock, &q.Actor, nil); err != nil {
		return empty{}, err
	}
	return empty{}, s.Desk.StateClock(ctx, q)
}

func (s *server) erase(ctx context.Context, q ingest.EraseOrder) (ingest.EraseResult, error) {
	if err := s.signAs(ctx, opErase, &q.Actor, nil); err != nil {
		return ingest.EraseResult{}, err
	}
	return s.Desk.EraseDevice(ctx, q)
}

// signAs settles the role an entry is made in and, where there is a by, the one
// its words are said in. A role that the request claims must be one the peer
// has; without a claim each is what the other says, else the weightiest.
func (s *server) signAs(ctx context.Context, op string, actor, by *string) error {
	peer, said := connOf(ctx).peer, *actor
	if by != nil {
		said = cmp.Or(*actor, *by)
	}
	role, err := s.Access().Act(op, peer, said)
	if err != nil {
		return err
	}
	*actor = string(role)
	if by == nil {
		return nil
	}
	if role, err = s.Access().Act(op, peer, cmp.Or(*by, *actor)); err != nil {
		return err
	}
	*by = string(role)
	return nil
}

// ownWords takes away what only the dock may say of a tag: that it came from a
// device, a roster or a file.
func ownWords(t clip.Tags) clip.Tags {
	t.Sources = nil
	for i := range t.Times {
		t.Times[i].Source = ""
	}
	return t
}
