package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/program"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// The hooks, and how a call of one ended. An unlock acts on a camera: it is
// entered as begun before it is run.
const (
	hookUnlock = "unlock"
	hookClock  = "clock"

	hookBegun   = "begun"
	hookOK      = "ok"
	hookFailed  = "failed"
	hookTimeout = "timeout"
)

const (
	answerMost = 4 << 10 // bytes of what a hook says that are kept
	factMost   = 64      // bytes of a fact that a hook is told
)

// hookEnvironment is all that a hook finds besides the facts of its camera.
var hookEnvironment = []string{"PATH=/usr/bin:/bin", "LANG=C"}

// usbFacts are what the bus says of a camera; zero for one that came another way.
type usbFacts struct {
	Port    string `json:"port,omitempty"`
	Vendor  string `json:"vendor,omitempty"`  // four hex digits
	Product string `json:"product,omitempty"` // four hex digits
	Serial  string `json:"serial,omitempty"`
}

func factsOf(port string, vendor, product uint16, serial string) usbFacts {
	return usbFacts{Port: port, Vendor: fmt.Sprintf("%04x", vendor), Product: fmt.Sprintf("%04x", product), Serial: serial}
}

// hookRecord is the part of a hook.called entry that is not for everybody.
type hookRecord struct {
	Profile string   `json:"profile"`
	Command []string `json:"command"`
	USB     usbFacts `json:"usb,omitzero"`
	Answer  string   `json:"answer,omitempty"`
	Stderr  string   `json:"stderr,omitempty"`
	Problem string   `json:"problem,omitempty"`
}

// hookCall is one call of a hook.
type hookCall struct {
	hook    string
	slot    string // one call at a time in each
	bay     string // configured name, "" without one
	device  string // neutral id, "" while nobody knows it
	command []string
	timeout time.Duration
	rec     hookRecord
	begun   int64 // the entry that said so, -1 without one
}

// turns let one caller a slot in at a time.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // closed when the slot is free again
}

func (t *turns) take(ctx context.Context, slot string) (release func(), err error) {
	for {
		t.mu.Lock()
		if t.taken == nil {
			t.taken = map[string]chan struct{}{}
		}
		free, busy := t.taken[slot]
		if !busy {
			free = make(chan struct{})
			t.taken[slot] = free
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.taken, slot)
				t.mu.Unlock()
				close(free)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// hookUnlock has a camera that shows no storage unlocked by the program that
// the configuration names for its profile, and reports whether there is one.
// Vendor and product of two profiles with such programs are no reason to run
// either: a wrong write has broken recorders.
func (s *Station) hookUnlock(ctx context.Context, port string, vendor, product uint16, serial string) (called bool, err error) {
	var fit []configs.Hook
	names := s.profiles.Load().USB(vendor, product)
	for _, h := range s.conf().Hooks {
		if len(h.Unlock) > 0 && slices.Contains(names, h.Profile) {
			fit = append(fit, h)
		}
	}
	switch len(fit) {
	case 0:
		return false, nil
	case 1:
	default:
		return false, fmt.Errorf("unlock the camera at %q: profiles %s and %s both fit %04x:%04x: leave unlock to one of them under hooks",
			port, fit[0].Profile, fit[1].Profile, vendor, product)
	}
	call := hookCall{
		hook: hookUnlock, slot: "port " + port, command: fit[0].Unlock, timeout: fit[0].Timeout, begun: -1,
		rec: hookRecord{Profile: fit[0].Profile, USB: factsOf(port, vendor, product, serial)},
	}
	if name, configured := s.bayOf(seat{port: Port{Path: port}}); configured {
		call.bay, call.slot = name, "bay "+name
	}
	_, err = s.callHook(ctx, call, func(string) error { return nil })
	return true, err
}

// callHook runs the program of a hook and enters how that ended; read refuses
// an answer that means nothing.
func (s *Station) callHook(ctx context.Context, c hookCall, read func(answer string) error) (answer string, err error) {
	release, err := s.hooks.take(ctx, c.slot)
	if err != nil {
		return "", err
	}
	defer release()
	c.rec.Command = c.command
	if c.hook == hookUnlock {
		if c.begun, err = s.enterHook(ctx, c, hookBegun); err != nil {
			return "", err
		}
	}
	out, said := program.Head{Most: answerMost}, program.Head{Most: answerMost}
	err = program.Run(ctx, program.Command{Args: c.command, Env: c.environment(), Output: &out, Errors: &said, Timeout: c.timeout, After: s.o.after})
	answer = string(out.Text)
	c.rec.Answer, c.rec.Stderr = valid(answer), valid(string(said.Text))
	if err == nil {
		err = read(answer)
	}
	result := hookOK
	if err != nil {
		result = hookFailed
		if errors.Is(err, program.ErrTimeout) {
			result = hookTimeout
		}
		c.rec.Problem = err.Error()
		err = fmt.Errorf("run the %s hook of profile %s, %q: %w: try it by hand as the dock's user, or take it out of the configuration",
			c.hook, c.rec.Profile, c.command[0], err)
	}
	// What was done is entered although the camera, or the dock, goes.
	_, entering := s.enterHook(context.WithoutCancel(ctx), c, result)
	return answer, errors.Join(err, entering)
}

func (s *Station) enterHook(ctx context.Context, c hookCall, result string) (n int64, err error) {
	record, err := manifest.NewRecord(c.rec)
	if err != nil {
		return -1, err
	}
	fields := manifest.Object{"hook": c.hook, "result": result}
	for key, value := range map[string]string{"device": c.device, "bay": c.bay} {
		if value != "" {
			fields[key] = value
		}
	}
	if c.begun >= 0 {
		fields["begun"] = c.begun
	}
	err = s.commit(ctx, func(tx *ledger.Tx) error {
		e, err := s.append(tx, manifest.Draft{Type: "hook.called", Actor: "dock", Fields: fields, Record: record})
		n = e.N
		return err
	})
	return n, err
}

func (c hookCall) environment() []string {
	env := slices.Clone(hookEnvironment)
	for _, v := range [][2]string{
		{"HOOK", c.hook}, {"PROFILE", c.rec.Profile}, {"BAY", c.bay}, {"DEVICE", c.device},
		{"PORT", c.rec.USB.Port}, {"VENDOR", c.rec.USB.Vendor}, {"PRODUCT", c.rec.USB.Product}, {"SERIAL", c.rec.USB.Serial},
	} {
		env = append(env, "CUSTODOCK_"+v[0]+"="+harmless(v[1]))
	}
	return env
}

// harmless leaves nothing in a device's words that a careless script could
// take for a command, a path or a second argument.
func harmless(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', strings.ContainsRune("._:-", r):
			return r
		}
		return '_'
	}, s)
	if strings.HasPrefix(s, "-") {
		s = "_" + s[1:]
	}
	return s[:min(len(s), factMost)]
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
