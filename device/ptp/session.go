package ptp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/custodock/custodock/device"
)

// Serial is the kind of the identity that a device gives over PTP, beside the
// serial of its USB descriptor.
const Serial = "ptp_serial"

// Session is an open session with one device, as a tree of its files. Its
// methods may be called from many goroutines: a transaction waits for the one
// before it.
type Session struct {
	pipe Pipe
	opts Options
	info DeviceInfo

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	closed sync.Once

	// turn holds a token while nobody speaks; what follows belongs to whoever
	// has it.
	turn   chan struct{}
	wire   *wire
	gone   error   // the device left the bus: nothing is asked any more
	lost   bool    // the state of the wire is unknown
	ended  bool    // the session has to be opened anew
	stream *Reader // whose object is under way

	// streams is held by the reader that streams an object, from its first byte
	// to its last: two at once would begin again and again.
	streams chan struct{}

	mu     sync.Mutex
	epoch  int // how often a session was opened; a handle is of one epoch
	label  string
	index  map[string]object // by path
	no64   bool              // the device does not know GetPartialObject64 after all
	no32   bool              // nor GetPartialObject
	noProp bool              // nor the size of an object in 64 bits
}

// Open opens a session through pipe, which it owns from then on, and reads what
// the device says of itself. A session that another program left open is closed
// first.
func Open(ctx context.Context, pipe Pipe, opts Options) (*Session, error) {
	opts = opts.filled()
	s := &Session{
		pipe: pipe, opts: opts, wire: newWire(pipe, opts.Timeout),
		turn: make(chan struct{}, 1), streams: make(chan struct{}, 1), ended: true, index: map[string]object{},
	}
	s.turn <- struct{}{}
	s.streams <- struct{}{}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	a, err := s.ask(ctx, question{op: opDeviceInfo, limit: maxDataset})
	if err == nil {
		s.info, err = parseDeviceInfo(a.data)
	}
	if err != nil {
		_ = s.Close()
		return nil, s.wrap("open", err)
	}
	return s, nil
}

// Info is what the device said of itself when the session was opened.
func (s *Session) Info() DeviceInfo { return s.info }

// Path is "ptp:BUS-PORT", for display.
func (s *Session) Path() string { return "ptp:" + s.opts.Port }

// MountRoot is true: the tree is all that the device shows.
func (s *Session) MountRoot() bool { return true }

// Coarse is false: times come in seconds.
func (s *Session) Coarse() bool { return false }

// Sequential reports whether the device gives files from their start only. Then
// one file is read after the other: a second reader waits for the first.
func (s *Session) Sequential() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return (s.no64 || !s.info.offers(opPartial64)) && (s.no32 || !s.info.offers(opPartial))
}

// constantSerials are serials that a whole product line, or an emulator, has.
var constantSerials = []string{
	"123456789ABC", "0123456789ABCDEF", "0123456789ABCDEF0123456789ABCDEF", "1234567890", "123456789", "0123456789", "UNKNOWN",
}

// Identities returns the serial of the USB descriptor, that of the DeviceInfo
// where it is another and no known constant, and the label of the first storage.
func (s *Session) Identities() []device.Identity {
	var ids []device.Identity
	if s.opts.Serial != "" {
		ids = append(ids, device.Identity{Kind: device.USBSerial, Value: s.opts.Serial})
	}
	// The same number said twice is one source, not two.
	if !constant(s.info.Serial) && bare(s.info.Serial) != bare(s.opts.Serial) {
		ids = append(ids, device.Identity{Kind: Serial, Value: s.info.Serial})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !constant(s.label) {
		ids = append(ids, device.Identity{Kind: device.Label, Value: s.label})
	}
	return ids
}

// bare is a serial without what makers fill it up with.
func bare(serial string) string {
	return strings.ToUpper(strings.TrimLeft(strings.TrimSpace(serial), "0"))
}

// constant reports whether a serial tells no device from another: nothing, one
// sign again and again, or what is known of whole product lines.
func constant(serial string) bool {
	serial = bare(serial)
	return serial == "" || strings.Trim(serial, serial[:1]) == "" ||
		slices.ContainsFunc(constantSerials, func(c string) bool { return bare(c) == serial })
}

// Alive is nil while the device is on the bus and device.ErrGone when it is not.
// It does not wait for a transaction under way.
func (s *Session) Alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.ctx.Err() != nil {
		return s.wrap("look", errClosed)
	}
	return s.wrap("look", s.pipe.Present(ctx))
}

var errClosed = errors.New("the session was closed")

// Close ends transfers under way and the session, and lets the device go.
func (s *Session) Close() error {
	var err error
	s.closed.Do(func() {
		s.cancel()
		<-s.turn // not given back: nobody speaks any more
		if s.gone == nil && !s.ended {
			s.bye()
		}
		err = s.pipe.Close()
	})
	return err
}

// bye leaves the device ready for whoever comes next. What it answers does not
// matter any more.
func (s *Session) bye() {
	ctx, cancel := context.WithTimeout(context.Background(), min(s.opts.Timeout, 2*time.Second))
	defer cancel()
	if s.breakOff(ctx) != nil || s.lost && s.calm(ctx) != nil {
		return
	}
	_, _ = s.wire.ask(ctx, question{op: opCloseSession})
}

// wrap names the device and what was done to it.
func (s *Session) wrap(act string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", act, s.Path(), err)
}
