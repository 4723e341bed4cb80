//go:build cgo

package ptp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/gousb"

	"github.com/custodock/custodock/device"
)

// Class requests of the still-image class (PIMA 15740, D.5.2), and the standard
// request that every device answers.
const (
	requestCancel = 0x64
	requestReset  = 0x66
	requestStatus = 0x67

	classOut  = 0x21 // to an interface
	classIn   = 0xA1
	deviceIn  = 0x80
	getStatus = 0x00

	cancelCode = 0x4001 // the event CancelTransaction
	stillImage = 6      // class of an interface; subclass and protocol are 1
)

// controlWait bounds a control transfer, which no context ends.
const controlWait = 2 * time.Second

// usbPipe is a Pipe over libusb.
type usbPipe struct {
	mu     sync.RWMutex // Present may come beside Close
	closed bool

	lib    *gousb.Context
	dev    *gousb.Device
	config *gousb.Config
	number int
	packet int
	intf   *gousb.Interface // nil, and so the endpoints, while it is not claimed
	in     *gousb.InEndpoint
	out    *gousb.OutEndpoint
}

// Dial opens the interface of a device that speaks PTP. No driver of the kernel
// holds one of that class; a program of the desktop may, and then the error says
// that the interface is busy.
func Dial(t Target) (Pipe, error) {
	p := &usbPipe{}
	if err := p.open(t); err != nil {
		err = p.why(err)
		_ = p.Close()
		return nil, fmt.Errorf("open USB device %d of bus %d: %w", t.Number, t.Bus, err)
	}
	return p, nil
}

// open catches the panics of gousb: NewContext has one when libusb cannot start,
// OpenDevices one for descriptors that number an interface twice.
func (p *usbPipe) open(t Target) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the USB library: %v", r)
		}
	}()
	p.lib = gousb.NewContext()
	devs, err := p.lib.OpenDevices(func(d *gousb.DeviceDesc) bool { return d.Bus == t.Bus && d.Address == t.Number })
	if len(devs) == 0 {
		if err == nil {
			err = device.ErrGone
		}
		return err // perhaps another device's, but ours is not there
	}
	p.dev = devs[0]
	p.dev.ControlTimeout = controlWait
	active, err := p.dev.ActiveConfigNum()
	if err != nil {
		return err
	}
	if p.config, err = p.dev.Config(active); err != nil {
		return err
	}
	setting, err := choose(p.config.Desc, t)
	if err != nil {
		return err
	}
	p.number = setting.Number
	p.config.Desc.Interfaces = laidOut(setting)
	return p.claim()
}

// choose finds the interface in its first setting.
func choose(c gousb.ConfigDesc, t Target) (gousb.InterfaceSetting, error) {
	for _, i := range c.Interfaces {
		for _, s := range i.AltSettings {
			image := s.Class == stillImage && s.SubClass == 1 && s.Protocol == 1
			if s.Alternate == 0 && (t.Vendor && s.Number == t.Interface || !t.Vendor && image) {
				return s, nil
			}
		}
	}
	if t.Vendor {
		return gousb.InterfaceSetting{}, fmt.Errorf("it has no interface %d", t.Interface)
	}
	return gousb.InterfaceSetting{}, errors.New("it has no still-image interface; set the camera to PTP or MTP")
}

// laidOut makes a list of interfaces in which each stands at its number, where
// gousb looks for it, whatever numbers the device uses. A second setting, which
// is never chosen, makes gousb choose the first one with each claim: that is how
// the kernel and the device forget halts and toggles together.
func laidOut(s gousb.InterfaceSetting) []gousb.InterfaceDesc {
	list := make([]gousb.InterfaceDesc, s.Number+1)
	for i := range list {
		list[i].Number = -1
	}
	list[s.Number] = gousb.InterfaceDesc{Number: s.Number, AltSettings: []gousb.InterfaceSetting{s, {Number: s.Number, Alternate: -1}}}
	return list
}

func (p *usbPipe) claim() error {
	var err error
	if p.intf, err = p.config.Interface(p.number, 0); err != nil {
		return err
	}
	for _, e := range p.intf.Setting.Endpoints {
		switch {
		case e.TransferType != gousb.TransferTypeBulk:
		case e.Direction == gousb.EndpointDirectionIn && p.in == nil:
			p.in, err = p.intf.InEndpoint(e.Number)
		case e.Direction == gousb.EndpointDirectionOut && p.out == nil:
			p.out, err = p.intf.OutEndpoint(e.Number)
		}
		if err != nil {
			return err
		}
	}
	if p.in == nil || p.out == nil {
		return errors.New("the interface lacks a bulk endpoint")
	}
	p.packet = p.in.Desc.MaxPacketSize
	if p.packet <= 0 || transferSize%p.packet != 0 {
		return fmt.Errorf("the interface has packets of %d bytes", p.packet)
	}
	return nil
}

// PacketSize is that of the endpoint that the device sends on.
func (p *usbPipe) PacketSize() int { return p.packet }

// Write sends one bulk transfer.
func (p *usbPipe) Write(ctx context.Context, b []byte) (int, error) {
	if p.out == nil {
		return 0, errUnclaimed
	}
	n, err := p.out.WriteContext(ctx, b)
	return n, during(ctx, err)
}

// Read receives one bulk transfer.
func (p *usbPipe) Read(ctx context.Context, b []byte) (int, error) {
	if p.in == nil {
		return 0, errUnclaimed
	}
	n, err := p.in.ReadContext(ctx, b)
	return n, during(ctx, err)
}

// ClearHalt gives the interface back and takes it anew. gousb cannot clear a
// halt, and the bare request to the device would leave the toggle on the side of
// the host as it was: the next packet would be thrown away in silence.
func (p *usbPipe) ClearHalt(context.Context) error {
	if p.intf != nil {
		p.intf.Close()
	}
	p.intf, p.in, p.out = nil, nil, nil
	return p.why(p.claim())
}

var errUnclaimed = errors.New("the USB interface could not be taken back")

// why looks whether a failure is because the device left: gousb's own errors
// have that as text only.
func (p *usbPipe) why(err error) error {
	if err == nil || p.dev == nil {
		return meaning(err)
	}
	if gone := p.Present(context.Background()); gone != nil {
		return gone
	}
	return meaning(err)
}

// Status asks what the device is doing.
func (p *usbPipe) Status(context.Context) (uint16, error) {
	b := make([]byte, 64) // 4, and the numbers of halted endpoints
	n, err := p.control(classIn, requestStatus, b)
	if err == nil && n < 4 {
		err = fmt.Errorf("a status of %d bytes", n)
	}
	return binary.LittleEndian.Uint16(b[2:]), err
}

// Cancel asks the device to give a transaction up.
func (p *usbPipe) Cancel(_ context.Context, transaction uint32) error {
	b := binary.LittleEndian.AppendUint16(nil, cancelCode)
	_, err := p.control(classOut, requestCancel, binary.LittleEndian.AppendUint32(b, transaction))
	return err
}

// Reset asks the device to begin anew.
func (p *usbPipe) Reset(context.Context) error {
	_, err := p.control(classOut, requestReset, nil)
	return err
}

// Present asks the device for its USB status, which costs nothing beside a
// transfer. A device that is there and does not answer is present.
func (p *usbPipe) Present(context.Context) error {
	if _, err := p.control(deviceIn, getStatus, make([]byte, 2)); isGone(err) {
		return err
	}
	return nil
}

func (p *usbPipe) control(kind, request uint8, b []byte) (int, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return 0, errClosed
	}
	index := uint16(p.number)
	if kind == deviceIn {
		index = 0
	}
	n, err := p.dev.Control(kind, request, 0, index, b)
	return n, meaning(err)
}

// Close lets the device go.
func (p *usbPipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	if p.intf != nil {
		p.intf.Close()
	}
	var err error
	if p.config != nil {
		err = p.config.Close()
	}
	if p.dev != nil {
		err = errors.Join(err, p.dev.Close())
	}
	if p.lib != nil {
		err = errors.Join(err, p.lib.Close())
	}
	return err
}

// during gives the error of a transfer that its context ended that of the
// context.
func during(ctx context.Context, err error) error {
	if errors.Is(err, gousb.TransferCancelled) && ctx.Err() != nil {
		return ctx.Err()
	}
	return meaning(err)
}

// meaning gives errors of libusb the meaning they have here.
func meaning(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gousb.ErrorNoDevice), errors.Is(err, gousb.TransferNoDevice):
		return fmt.Errorf("%w: %w", err, device.ErrGone)
	case errors.Is(err, gousb.ErrorPipe), errors.Is(err, gousb.TransferStall):
		return fmt.Errorf("%w: %w", err, ErrStall)
	case errors.Is(err, gousb.ErrorAccess):
		return fmt.Errorf("%w: %w", err, os.ErrPermission)
	}
	return err
}
