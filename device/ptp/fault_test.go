package ptp_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/ptp"
	"github.com/custodock/custodock/internal/testbench/ptpsim"
)

// Nothing but the operations that read can be asked, whatever the code.
func TestOnlyReads(t *testing.T) {
	want := []uint16{0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1007, 0x1008, 0x1009, 0x101B, 0x9803, 0x9805, 0x95C1}
	allowed := ptp.Operations()
	if len(allowed) != len(want) {
		t.Errorf("%d operations, want %d", len(allowed), len(want))
	}
	for _, op := range want {
		if !allowed[op] {
			t.Errorf("%#04x cannot be asked", op)
		}
	}
	sent := map[uint16]bool{}
	ptp.TryAll(t.Context(), recording{sent: sent}, func(op uint16, err error) {
		if sent[op] != allowed[op] || err == nil {
			t.Errorf("%#04x: sent %v, %v", op, sent[op], err)
		}
	})
}

// recording is a pipe that notes what is asked and answers nothing.
type recording struct {
	ptp.Pipe
	sent map[uint16]bool
}

func (r recording) PacketSize() int { return 512 }

func (r recording) Write(_ context.Context, b []byte) (int, error) {
	r.sent[uint16(b[6])|uint16(b[7])<<8] = true
	return len(b), nil
}

func (r recording) Read(context.Context, []byte) (int, error) { return 0, errors.New("no answer") }

// What goes wrong once is asked again, and the bytes are right.
func TestFaultOnce(t *testing.T) {
	for name, kind := range map[string]ptpsim.Kind{
		"stall": ptpsim.Stall, "stall in data": ptpsim.StallData, "silent": ptpsim.Silent, "mute": ptpsim.Mute, "short": ptpsim.Short,
		"wrong transaction": ptpsim.Wrong, "stale": ptpsim.Stale, "garbage": ptpsim.Garbage, "long": ptpsim.Long, "forget": ptpsim.Forget,
		"endless": ptpsim.Endless,
	} {
		for op, offered := range map[uint16][]uint16{
			ptpsim.Partial64: allOps, ptpsim.Partial: mtpOps, ptpsim.Object: ptpOps, ptpsim.ObjectHandles: allOps, ptpsim.ObjectInfo: allOps,
			ptpsim.StorageIDs: allOps, ptpsim.PropValue: allOps,
		} {
			if kind == ptpsim.Endless && op == ptpsim.Object {
				continue // which is content as good as any, until its end
			}
			for _, deaf := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %#x, %v", name, op, deaf), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { faultOnce(t, kind, op, offered, deaf) })
				})
			}
		}
	}
}

func faultOnce(t *testing.T, kind ptpsim.Kind, op uint16, offered []uint16, deaf bool) {
	c := camera()
	c.Ops, c.NoCancel, c.Renumber = offered, deaf, true
	f := c.Arm(ptpsim.Fault{Kind: kind, Op: op, After: 1, At: 300})
	s := open(t, c)
	if op == ptpsim.Object {
		same(t, s, "DCIM/100MEDIA/A.MP4", c.Items[3])
	}
	scan(t, s)
	same(t, s, "DCIM/100MEDIA/B.MP4", c.Items[2])
	scan(t, s)
	fired(t, c, f, 1)
}

// What goes wrong again and again ends with an error, after a few questions.
func TestFaultAlways(t *testing.T) { synctest.Test(t, faultAlways) }

func faultAlways(t *testing.T) {
	for name, k := range map[string]struct {
		kind ptpsim.Kind
		want error
	}{
		"stall": {ptpsim.Stall, ptp.ErrProtocol}, "stall in data": {ptpsim.StallData, ptp.ErrProtocol}, "silent": {ptpsim.Silent, ptp.ErrHangs},
		"mute": {ptpsim.Mute, ptp.ErrHangs}, "short": {ptpsim.Short, ptp.ErrProtocol}, "wrong transaction": {ptpsim.Wrong, ptp.ErrProtocol},
		"garbage": {ptpsim.Garbage, ptp.ErrProtocol}, "long": {ptpsim.Long, ptp.ErrProtocol}, "endless": {ptpsim.Endless, ptp.ErrProtocol},
		"forget": {ptpsim.Forget, nil},
	} {
		for _, op := range []uint16{ptpsim.Partial64, ptpsim.ObjectInfo, ptpsim.ObjectHandles} {
			c := camera()
			s := open(t, c)
			scan(t, s)
			f := c.Arm(ptpsim.Fault{Kind: k.kind, Op: op, Times: -1})
			var err error
			if op == ptpsim.ObjectHandles {
				_, _, err = tryScan(t.Context(), s)
			} else {
				var r device.Reader
				if r, err = s.Open("DCIM/100MEDIA/B.MP4"); err == nil {
					_, err = io.Copy(io.Discard, r)
					_ = r.Close()
				}
			}
			if err == nil || k.want != nil && !errors.Is(err, k.want) || errors.Is(err, device.ErrGone) {
				t.Errorf("%s at %#x: %v", name, op, err)
			}
			if n := c.Fired(f); n < 1 || n > 40 {
				t.Errorf("%s at %#x: fired %d times", name, op, n)
			}
			if err := s.Alive(t.Context()); err != nil {
				t.Errorf("%s at %#x: %v", name, op, err)
			}
		}
	}
}

// An unplug in the middle of a read is a device that is gone, at once and from
// then on: nothing more is asked.
func TestUnplug(t *testing.T) {
	for _, ops := range [][]uint16{allOps, mtpOps, ptpOps} {
		c := camera()
		c.Ops = ops
		s := open(t, c)
		scan(t, s)
		op := map[int]uint16{len(allOps): ptpsim.Partial64, len(mtpOps): ptpsim.Partial, len(ptpOps): ptpsim.Object}[len(ops)]
		r := reader(t, s, "DCIM/100MEDIA/B.MP4")
		f := c.Arm(ptpsim.Fault{Kind: ptpsim.Gone, Op: op, At: 100 << 10})
		_, err := io.Copy(io.Discard, r)
		wantErr(t, err, device.ErrGone)
		fired(t, c, f, 1)
		before := c.Asked(op) + c.Asked(ptpsim.ObjectInfo) + c.Asked(ptpsim.StorageIDs)
		_, err = r.Read(make([]byte, 10))
		wantErr(t, err, device.ErrGone)
		_, err = r.ReadAt(make([]byte, 10), 0)
		wantErr(t, err, device.ErrGone)
		_, err = r.Stat()
		wantErr(t, err, device.ErrGone)
		_, _, err = tryScan(t.Context(), s)
		wantErr(t, err, device.ErrGone)
		_, err = s.Open("version.txt")
		wantErr(t, err, device.ErrGone)
		wantErr(t, s.Alive(t.Context()), device.ErrGone)
		if after := c.Asked(op) + c.Asked(ptpsim.ObjectInfo) + c.Asked(ptpsim.StorageIDs); after != before {
			t.Errorf("%d questions to a device that is gone", after-before)
		}
	}
}

func TestUnplugWhileListing(t *testing.T) {
	c := camera()
	s := open(t, c)
	f := c.Arm(ptpsim.Fault{Kind: ptpsim.Gone, Op: ptpsim.ObjectInfo, After: 2})
	paths, _, err := tryScan(t.Context(), s)
	wantErr(t, err, device.ErrGone)
	fired(t, c, f, 1)
	if len(paths) != 0 {
		t.Errorf("%q", paths)
	}
	c = camera()
	s = open(t, c)
	_, err = s.Scan(t.Context(), func(device.File) error { c.Unplug(); return nil })
	wantErr(t, err, device.ErrGone)
}

func TestSessionAlreadyOpen(t *testing.T) {
	c := camera()
	c.WasOpen = true
	s := open(t, c)
	scan(t, s)
	if c.Asked(ptpsim.OpenSession) != 2 || c.Asked(ptpsim.CloseSession) != 1 {
		t.Errorf("%d sessions opened, %d closed", c.Asked(ptpsim.OpenSession), c.Asked(ptpsim.CloseSession))
	}
}

// In a session that was opened anew a handle is another object's. Half of one
// clip must not be followed by half of another.
func TestHandlesAnew(t *testing.T) {
	for _, ops := range [][]uint16{allOps, ptpOps} {
		c := camera()
		c.Ops, c.Renumber = ops, true
		s := open(t, c)
		r := reader(t, s, "DCIM/100MEDIA/B.MP4")
		h := sha256.New()
		if _, err := io.CopyN(h, r, 600<<10); err != nil {
			t.Fatal(err)
		}
		f := c.Arm(ptpsim.Fault{Kind: ptpsim.Forget, Op: ptpsim.ObjectInfo})
		if _, err := r.Stat(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(h, r); err != nil || [32]byte(h.Sum(nil)) != sha256.Sum256(content(c.Items[2], 0, c.Items[2].Size)) {
			t.Errorf("other bytes, %v", err)
		}
		fired(t, c, f, 1)
		again := reader(t, s, "DCIM/100MEDIA/B.MP4")
		g := c.Arm(ptpsim.Fault{Kind: ptpsim.Forget, Op: ptpsim.ObjectInfo})
		c.Lock(func() { c.Items[2].Modified = "20260102T030499" })
		_, err := again.Stat()
		wantErr(t, err, ptp.ErrChanged)
		fired(t, c, g, 1)
	}
}

// A file that is cut off in the middle is never a whole one.
func TestEarlyEnd(t *testing.T) {
	for _, ops := range [][]uint16{allOps, ptpOps} {
		c := camera()
		c.Ops = ops
		s := open(t, c)
		r := reader(t, s, "DCIM/100MEDIA/B.MP4")
		c.Lock(func() { c.Items[2].Size = 600 << 10 })
		n, err := io.Copy(io.Discard, r)
		if err == nil || n > 600<<10 {
			t.Errorf("%d bytes, %v", n, err)
		}
		c.Lock(func() { c.Items[2].Size = clipSize })
		same(t, s, "DCIM/100MEDIA/B.MP4", c.Items[2])
	}
}

func TestCutDatasets(t *testing.T) {
	for _, op := range []uint16{ptpsim.ObjectInfo, ptpsim.ObjectHandles} {
		c := camera()
		f := c.Arm(ptpsim.Fault{Kind: ptpsim.Cut, Op: op, After: 1})
		_, _, err := tryScan(t.Context(), open(t, c))
		wantErr(t, err, device.ErrIncomplete)
		fired(t, c, f, 1)
	}
	c := camera()
	f := c.Arm(ptpsim.Fault{Kind: ptpsim.Cut, Op: ptpsim.DeviceInfo})
	_, err := ptp.Open(t.Context(), c.Pipe(), quick)
	if err == nil || !c.Closed() {
		t.Errorf("%v, closed %v", err, c.Closed())
	}
	fired(t, c, f, 1)
}

func TestBusy(t *testing.T) {
	c := camera()
	s := open(t, c)
	f := c.Arm(ptpsim.Fault{Kind: ptpsim.Code, Op: ptpsim.Partial64, Times: 5, Answer: 0x2019})
	same(t, s, "DCIM/100MEDIA/B.MP4", c.Items[2])
	fired(t, c, f, 5)
	c.Arm(ptpsim.Fault{Kind: ptpsim.Code, Op: ptpsim.Partial64, Times: -1, Answer: 0x2019})
	_, err := reader(t, s, "version.txt").Read(make([]byte, 10))
	if err == nil {
		t.Error("a device that is always busy was read")
	}
}

// A response that says so takes back the data before it.
func TestBadEnd(t *testing.T) {
	for op, ops := range map[uint16][]uint16{ptpsim.Partial64: allOps, ptpsim.Object: ptpOps} {
		c := camera()
		c.Ops = ops
		f := c.Arm(ptpsim.Fault{Kind: ptpsim.Ends, Op: op, Answer: 0x2007})
		s := open(t, c)
		same(t, s, "DCIM/100MEDIA/B.MP4", c.Items[2])
		fired(t, c, f, 1)
	}
}

// Close, and the end of a context, end a transfer that hangs.
func TestEndOfHang(t *testing.T) { synctest.Test(t, endOfHang) }

func endOfHang(t *testing.T) {
	slow := quick
	slow.Timeout = time.Hour
	c := camera()
	s, err := ptp.Open(t.Context(), c.Pipe(), slow)
	if err != nil {
		t.Fatal(err)
	}
	scan(t, s)
	r := reader(t, s, "DCIM/100MEDIA/B.MP4")
	f := c.Arm(ptpsim.Fault{Kind: ptpsim.Mute, Op: ptpsim.Partial64})
	ended := make(chan error)
	go func() {
		_, err := r.Read(make([]byte, 10))
		ended <- err
	}()
	for c.Fired(f) == 0 {
		<-time.After(time.Millisecond)
	}
	if err := s.Alive(t.Context()); err != nil {
		t.Error(err)
	}
	_ = r.Close()
	wantErr(t, <-ended, os.ErrClosed)

	ctx, cancel := context.WithCancel(t.Context())
	g := c.Arm(ptpsim.Fault{Kind: ptpsim.Mute, Op: ptpsim.StorageIDs})
	go func() {
		_, _, err := tryScan(ctx, s)
		ended <- err
	}()
	for c.Fired(g) == 0 {
		<-time.After(time.Millisecond)
	}
	cancel()
	wantErr(t, <-ended, context.Canceled)

	h := c.Arm(ptpsim.Fault{Kind: ptpsim.Silent, Op: ptpsim.StorageIDs})
	go func() {
		_, _, err := tryScan(t.Context(), s)
		ended <- err
	}()
	for c.Fired(h) == 0 {
		<-time.After(time.Millisecond)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a session that was closed went on")
	}
	if s.Alive(t.Context()) == nil || s.Close() != nil {
		t.Error("a session that was closed is alive")
	}
}

// A program that ended in the middle of a clip left its rest in the pipe.
func TestLeftUnderWay(t *testing.T) {
	c := camera()
	pipe := c.Pipe()
	ask := func(op byte, high byte, transaction, param byte) {
		if _, err := pipe.Write(t.Context(), []byte{16, 0, 0, 0, 1, 0, op, high, transaction, 0, 0, 0, param, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
	}
	ask(0x02, 0x10, 0, 1)
	b := make([]byte, 512)
	if _, err := pipe.Read(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	ask(0x09, 0x10, 1, 3)
	if n, err := pipe.Read(t.Context(), b); n != 512 || err != nil {
		t.Fatal(n, err)
	}
	s, err := ptp.Open(t.Context(), pipe, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	scan(t, s)
	same(t, s, "DCIM/100MEDIA/B.MP4", c.Items[2])
}
