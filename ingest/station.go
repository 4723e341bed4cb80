// Package ingest is the journey of a clip: from a docked folder over one read,
// the spool and the commit to every store, and the publishing of the log that
// proves it. A Station owns one state directory and every goroutine that works
// on it; a docking is one stay of one camera.
//
// Files in the order of the journey: docking, clock, read, finish, result, close for
// the camera's part; spool, catalog, row and apply for what the dock keeps;
// upload, publish and central for the stores.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/device/ptp"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// Options are what a Station is opened with. Now, Clock and Log may be nil.
type Options struct {
	State   string // directory
	Config  configs.Config
	Version string
	// Credentials is the folder in which the service manager hands over secrets,
	// "" when it hands over none.
	Credentials string
	ConfigFile  string // whose digest run.started names; "" when the defaults are in force
	Now         func() time.Time
	Clock       func() manifest.Clock // how far the clock is believed; nil asks the kernel
	Log         *slog.Logger
	Daemon      bool
	Create      bool // make the state when it is absent, empty or half made

	recovering bool // open although a store shows a longer log

	after func(time.Duration) <-chan time.Time // of who calls a person; nil is time.After
	ticks <-chan time.Time                     // of the watchman; nil for one a minute

	sinceBoot   func() time.Duration                 // a clock that nobody can set; nil asks the kernel
	anchorAfter func(time.Duration) <-chan time.Time // of the loop that has the log stamped; nil is time.After

	diskSpace func() (free, whole uint64, err error) // of the state's disk; nil asks the kernel

	// PortOf finds the USB port of a block device, "major:minor"; nil asks sysfs.
	PortOf func(devID string) (Port, bool)

	OpenStore func(ctx context.Context, r StoreRequest) (store.Store, error)
	OpenTSA   func(configs.TSA) Asker // nil: nobody can be asked

	// Cosign has witnesses cosign the published checkpoint of so many entries and
	// returns it with their lines behind its own. Bytes beside an error are those
	// of the witnesses that did answer. It may be nil.
	Cosign func(ctx context.Context, size int64, note []byte) ([]byte, error)

	Bus  Bus                                                                 // nil is the machine's own
	Talk func(context.Context, ptp.Target, ptp.Options) (device.Tree, error) // nil is ptp.Connect
}

// StoreRequest asks for one configured store to be opened. An ID that is not ""
// must be the one the store has; Create allows a new store to be laid out in an
// empty place. Journal is where uploads keep their notes.
type StoreRequest struct {
	configs.Store
	ID      string
	Create  bool
	Journal store.Journal
}

// Station is one dock at work on its state directory.
type Station struct {
	o     Options
	cfg   atomic.Pointer[configs.Config] // in force; replaced whole
	state string
	log   string
	vkey  string   // the first key of the log
	keys  []string // all of them, the newest last
	ring  keyring

	authority string
	fresh     bool // the key was made by this Open, and has signed nothing yet
	now       func() time.Time
	clock     func() manifest.Clock
	synced    atomic.Bool // the clock was, since the start
	logger    *slog.Logger

	lock     *os.File
	db       *bbolt.DB
	ledger   *ledger.Ledger
	spool    *spool
	profiles atomic.Pointer[profile.Set] // in force; replaced whole

	claims     claims
	retryPause time.Duration // before a file that would not keep still is read again

	program ownDigest
	run     runEntry
	work    worker
	alarms  alarms
	change  broadcast
	reading atomic.Int64 // dockings that are under way
	hooks   turns        // one hook at a time in each bay

	contacts *contacts // of the places where devices come and go
	erasing  erasing
	endorsed atomic.Int64 // endorsements that were installed in this run
	anchors  anchoring
	steady   steadiness

	witnessing witnessing

	reconfiguring sync.Mutex
	reconfigured  broadcast // another configuration is in force

	broken  sync.Once     // closes stopped
	stopped chan struct{} // the log cannot be written any more: only a restart finds out what the disk has
	closing sync.Once
	closed  error

	mu     sync.Mutex
	stores []*central // replaced whole when the configuration changes
	bays   map[string]*bay
	seats  seats
	docks  map[*docking]bool // that wait for clips to be stored
}

// conf is the configuration in force.
func (s *Station) conf() *configs.Config { return s.cfg.Load() }

// Config is the configuration in force.
func (s *Station) Config() configs.Config { return *s.conf() }

// Open takes the state directory for this process alone, replays what an
// interrupted run left and refuses to go on when a store knows another history.
func Open(ctx context.Context, o Options) (*Station, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = kernelClock
	}
	if o.Bus == nil {
		o.Bus = machine{}
	}
	if o.Talk == nil {
		o.Talk = func(ctx context.Context, t ptp.Target, o ptp.Options) (device.Tree, error) {
			return ptp.Connect(ctx, t, o)
		}
	}
	if o.PortOf == nil {
		o.PortOf = portOf
	}
	s := &Station{
		o: o, state: o.State, now: o.Now, clock: o.Clock, logger: o.Log,
		retryPause: time.Second,
		stopped:    make(chan struct{}),
		seats:      seats{all: map[*resident]bool{}},
		contacts:   newContacts(settleTime, o.Now),
		bays:       map[string]*bay{}, docks: map[*docking]bool{},
	}
	s.erasing.init()
	s.anchors.init()
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close(), s.unmake())
	}
	return s, nil
}

func (s *Station) open(ctx context.Context) error {
	profiles, err := profile.Load(configs.Devices(), s.o.Config.Profiles)
	if err != nil {
		return err
	}
	s.profiles.Store(&profiles)
	if s.lock, err = prepare(s.state, s.o.Create); err != nil {
		return err
	}
	cfg, err := s.adapt(s.o.Config)
	if err != nil {
		return err
	}
	s.cfg.Store(&cfg)
	s.ring = s.o.keyring()
	id, err := loadIdentity(s.ring, s.state, cfg, s.o.recovering)
	if err != nil {
		return err
	}
	s.log, s.vkey, s.keys, s.authority, s.fresh = id.log, id.keys[0], id.keys, id.authority, id.fresh
	if s.db, err = openDB(s.state); err != nil {
		return err
	}
	named := cfg
	if named.Stores, err = s.nameStores(cfg.Stores); err != nil {
		return err
	}
	s.cfg.Store(&named)
	if err := s.openStores(ctx, id); err != nil {
		return err
	}
	ballast := openBallast(s.state, int64(cfg.Reserve))
	s.ledger, err = ledger.Open(s.db, ledger.Options{
		Log: id.log, Authority: id.authority, Key: s.vkey, Signer: id.signers[0], Also: id.signers[1:], Verifier: id.verifier,
		Now: s.now, Clock: s.clock, Dir: s.state, OnFull: ballast.release,
	})
	if err != nil {
		return fmt.Errorf("open log %s: %w", id.log, err)
	}
	s.rememberNewest()
	if err := s.checkStores(ctx); err != nil && !s.o.recovering {
		return err
	}
	s.fresh = false
	if err := s.begin(ctx, id); err != nil {
		return err
	}
	if err := s.noteCredential(); err != nil {
		return err
	}
	return s.openSpool()
}

// adapt fits a configuration to this machine: folders as the mount table spells
// them, and no larger reserve than the disk allows.
func (s *Station) adapt(cfg configs.Config) (configs.Config, error) {
	cfg.Roots = slices.Clone(cfg.Roots)
	for i, root := range cfg.Roots {
		cfg.Roots[i] = resolved(root)
	}
	cfg.Drops = slices.Clone(cfg.Drops)
	for i, drop := range cfg.Drops {
		cfg.Drops[i].Path = resolved(drop.Path)
	}
	cfg.Stores = storeList(s.state, cfg)
	if err := checkWitnesses(cfg.Witnesses); err != nil {
		return cfg, err
	}
	reserve, err := reserveOn(s.state, int64(cfg.Reserve))
	cfg.Reserve = configs.Size(reserve)
	return cfg, err
}

// begin makes the first entry of a new log.
func (s *Station) begin(ctx context.Context, id identity) error {
	if s.o.recovering {
		return nil // what is adopted has a first entry already
	}
	if s.ledger.Size() > 0 {
		return s.enterKeys(ctx)
	}
	if !id.fresh && !s.storeChecked() {
		return fmt.Errorf("start log %s: its key was there before and no store can tell whether the log was too: connect a store and try again", id.log)
	}
	err := s.ledger.Commit(ctx, func(tx *ledger.Tx) error {
		if tx.Size() > 0 {
			return nil
		}
		_, err := s.append(tx, manifest.Draft{Type: "log.started", Actor: "dock", Fields: manifest.Object{"key": s.vkey}})
		return err
	})
	if err != nil {
		return err
	}
	return s.enterKeys(ctx)
}

func (s *Station) openSpool() error {
	_, waiting, err := s.partials()
	if err != nil {
		return stateError(s.state, err)
	}
	keep := map[string]bool{}
	for _, p := range waiting {
		keep[p.Temp] = true
	}
	if s.spool, err = openSpool(filepath.Join(s.state, "spool"), int64(s.conf().Reserve), keep); err != nil {
		return stateError(s.state, err)
	}
	s.spool.reread = s.rereads
	if s.o.recovering {
		return nil // what is needed is known only after the log was adopted
	}
	if err := s.reconcile(false); err != nil {
		return stateError(s.state, err)
	}
	return nil
}

// Close waits for everything the station started and gives the state back. It
// may be called again.
func (s *Station) Close() error {
	s.closing.Do(func() { s.closed = s.close() })
	return s.closed
}

func (s *Station) close() error {
	s.stopWork()
	s.witnessing.close()
	var errs []error
	if s.ledger != nil {
		errs = append(errs, s.ledger.Close())
	}
	if s.spool != nil {
		errs = append(errs, s.spool.close())
	}
	for _, c := range s.centrals() {
		c.close()
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// unmake takes back a state that was refused before anything was signed in it,
// so that the next try may choose another name.
func (s *Station) unmake() error {
	if !s.fresh {
		return nil
	}
	var errs []error
	for _, name := range []string{"state.db", "ballast", "key"} {
		if name == "key" && s.conf().Key != "" {
			continue
		}
		if err := os.Remove(filepath.Join(s.state, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// pause waits for d or the end of ctx.
func (s *Station) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
