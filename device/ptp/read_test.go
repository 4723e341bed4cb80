package ptp_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/ptp"
	"github.com/custodock/custodock/internal/testbench/ptpsim"
)

// devices are cameras of every sort that there is, by what they offer and how
// they use packets.
func devices() map[string]*ptpsim.Camera {
	all := map[string]*ptpsim.Camera{}
	for _, packet := range []int{64, 512, 1024} {
		for name, ops := range map[string][]uint16{"partial64": allOps, "partial": mtpOps, "whole": ptpOps} {
			for _, sends := range []string{"zero", "no zero", "split", "split no zero"} {
				c := camera()
				c.Packet, c.Ops = packet, ops
				c.NoZero = sends == "no zero" || sends == "split no zero"
				c.Split = sends == "split" || sends == "split no zero"
				all[fmt.Sprintf("%s, %d, %s", name, packet, sends)] = c
			}
		}
	}
	return all
}

// Sizes around the ends of packets and chunks.
func TestSizes(t *testing.T) {
	sizes := []int64{1, 11, 52, 63, 64, 65, 116, 500, 512, 1012, 1024, 8192 - 12, 8192, ptp.Chunk, ptp.Chunk + 8}
	for name, c := range devices() {
		t.Run(name, func(t *testing.T) {
			c.Boundary = true
			var items []*ptpsim.Item
			for i, size := range sizes {
				it := file(100+uint32(i), 0, fmt.Sprintf("size-%d", size), size)
				items = append(items, it)
			}
			c.Items = append(c.Items, items...)
			s := open(t, c)
			scan(t, s)
			for _, it := range items {
				same(t, s, it.Name, it)
			}
			if n := c.Hung(); n != 0 {
				t.Errorf("%d partial reads ended where a packet does", n)
			}
		})
	}
}

func TestReadAt(t *testing.T) {
	for name, c := range devices() {
		t.Run(name, func(t *testing.T) {
			c.Boundary = true
			s := open(t, c)
			it := c.Items[2]
			r := reader(t, s, "DCIM/100MEDIA/B.MP4")
			for _, at := range []int64{0, it.Size/2 - 100, it.Size - 64<<10, 5} {
				b := make([]byte, 64<<10)
				n, err := r.ReadAt(b, at)
				if n != len(b) || err != nil || !bytes.Equal(b, content(it, at, int64(n))) {
					t.Errorf("at %d: %d bytes, %v", at, n, err)
				}
			}
			b := make([]byte, 100)
			if n, err := r.ReadAt(b, it.Size-40); n != 40 || err != io.EOF || !bytes.Equal(b[:n], content(it, it.Size-40, 40)) {
				t.Errorf("at the end: %d bytes, %v", n, err)
			}
			if _, err := r.ReadAt(b, -1); err == nil {
				t.Error("a place before the start was read")
			}
			if c.Hung() != 0 {
				t.Error("a partial read ended where a packet does")
			}
		})
	}
}

// Readers side by side, with questions in between: each gets its own bytes.
func TestInterleaved(t *testing.T) {
	for _, ops := range [][]uint16{allOps, mtpOps, ptpOps} {
		c := camera(file(20, 0, "other.mp4", 2<<20+5))
		c.Ops = ops
		s := open(t, c)
		scan(t, s)
		if got := s.Sequential(); got != (len(ops) == len(ptpOps)) {
			t.Errorf("sequential: %v", got)
		}
		var group sync.WaitGroup
		for path, it := range map[string]*ptpsim.Item{"DCIM/100MEDIA/B.MP4": c.Items[2], "other.mp4": c.Items[6]} {
			group.Go(func() {
				r, err := s.Open(path)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = r.Close() }()
				for off := int64(0); off < it.Size; {
					b := make([]byte, 1+rand.IntN(400<<10))
					n, err := r.Read(b)
					if err != nil || !bytes.Equal(b[:n], content(it, off, int64(n))) {
						t.Errorf("%s at %d: %d bytes, %v", path, off, n, err)
						return
					}
					off += int64(n)
					if _, err := r.Stat(); err != nil {
						t.Error(err)
					}
				}
				if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("%s: %d bytes after the end, %v", path, n, err)
				}
			})
		}
		group.Wait()
	}
}

// large has content that costs nothing: only the places that are looked at
// differ from zero.
func large(handle uint32, size int64) *ptpsim.Item {
	it := file(handle, 0, "LONG.MP4", size)
	pattern := ptpsim.Pattern(handle)
	it.At = func(off int64, p []byte) {
		clear(p)
		for _, at := range []int64{0, 1<<32 - 512, size - 1000} {
			for i := max(at, off); i < min(at+1000, off+int64(len(p))); i++ {
				pattern(i, p[i-off:i-off+1])
			}
		}
	}
	return it
}

// A clip of more than 4 GiB has its true size and its bytes on both sides of
// where 32 bits end, however the device says its size.
func TestLarge(t *testing.T) {
	const size = 1<<32 + 12345
	for name, change := range map[string]func(*ptpsim.Camera){
		"saturated":     func(*ptpsim.Camera) {},
		"cut":           func(c *ptpsim.Camera) { c.CutSize = true },
		"property list": func(c *ptpsim.Camera) { c.BareProps = true },
	} {
		t.Run(name, func(t *testing.T) {
			it := large(20, size)
			c := camera(it)
			change(c)
			s := open(t, c)
			r := reader(t, s, "LONG.MP4")
			if fi, err := r.Stat(); err != nil || fi.Size() != size || fi.Name() != "LONG.MP4" || fi.IsDir() {
				t.Fatalf("%+v, %v", fi, err)
			}
			for _, at := range []int64{0, 1<<32 - 512, size - 1000} {
				b := make([]byte, 1000)
				if n, err := r.ReadAt(b, at); n != 1000 || err != nil || !bytes.Equal(b, content(it, at, 1000)) {
					t.Errorf("at %d: %d bytes, %v", at, n, err)
				}
			}
			if c.Asked(ptpsim.Partial) > 0 || c.Asked(ptpsim.Object) > 0 {
				t.Error("an operation of 32 bits was asked")
			}
		})
	}
}

// Without reads at 64 bits a clip of more than 4 GiB comes in one transaction.
func TestLargeWhole(t *testing.T) {
	const size = 1<<32 + 500
	it := large(20, size)
	c := camera(it)
	c.Ops = mtpOps
	s := open(t, c)
	r := reader(t, s, "LONG.MP4")
	b := make([]byte, 1<<20)
	if _, err := io.ReadFull(r, b); err != nil || !bytes.Equal(b, content(it, 0, 1<<20)) {
		t.Errorf("other bytes, %v", err)
	}
	if c.Asked(ptpsim.Object) != 1 || c.Asked(ptpsim.Partial) != 0 {
		t.Errorf("%d whole reads, %d partial", c.Asked(ptpsim.Object), c.Asked(ptpsim.Partial))
	}
	// What is left of 4 GiB is cancelled.
	same(t, s, "DCIM/100MEDIA/A.MP4", c.Items[3])
}

// The container of such a clip does not say where it ends.
func TestEndless(t *testing.T) {
	for name, c := range devices() {
		if !strings.HasPrefix(name, "whole") {
			continue
		}
		c.Endless = true
		full := file(20, 0, "full.mp4", 1<<20-12) // fills its last packet
		c.Items = append(c.Items, full)
		s := open(t, c)
		same(t, s, "full.mp4", full)
		same(t, s, "DCIM/100MEDIA/B.MP4", c.Items[2])
		same(t, s, "DCIM/100MEDIA/A.MP4", c.Items[3])
	}
}

// Nobody could say that a read was whole where the size is not told.
func TestSizeUntold(t *testing.T) {
	c := camera(large(20, 1<<32+1))
	c.Ops = ptpOps
	paths, _, err := tryScan(t.Context(), open(t, c))
	wantErr(t, err, device.ErrIncomplete)
	if len(paths) != 4 {
		t.Errorf("%q", paths)
	}
}

// An operation that is offered and not known is not asked for again.
func TestOfferedNotKnown(t *testing.T) {
	c := camera()
	f := c.Arm(ptpsim.Fault{Kind: ptpsim.Code, Op: ptpsim.Partial64, Times: -1, Answer: 0x2005})
	g := c.Arm(ptpsim.Fault{Kind: ptpsim.Code, Op: ptpsim.Partial, After: 2, Times: -1, Answer: 0x2005})
	s := open(t, c)
	same(t, s, "DCIM/100MEDIA/B.MP4", c.Items[2])
	same(t, s, "DCIM/100MEDIA/A.MP4", c.Items[3])
	fired(t, c, f, 1)
	fired(t, c, g, 1)
	if !s.Sequential() {
		t.Error("two files may be read at once")
	}
}

// Another maker may have given the code of GetPartialObject64 to anything.
func TestExtensionNotNamed(t *testing.T) {
	c := camera()
	c.Extensions = "example.com: 1.0;"
	s := open(t, c)
	same(t, s, "DCIM/100MEDIA/B.MP4", c.Items[2])
	if n := c.Asked(ptpsim.Partial64); n != 0 {
		t.Errorf("95C1 was asked %d times", n)
	}
}

func TestGrowing(t *testing.T) {
	c := camera()
	s := open(t, c)
	r := reader(t, s, "DCIM/100MEDIA/A.MP4")
	before, err := r.Stat()
	if err != nil {
		t.Fatal(err)
	}
	c.Lock(func() { c.Items[3].Size += 100; c.Items[3].Modified = "20260102T030409+0100" })
	after, err := r.Stat()
	if err != nil || after.Size() != before.Size()+100 || !after.ModTime().Equal(time.Date(2026, 1, 2, 2, 4, 9, 0, time.UTC)) {
		t.Errorf("%+v, %v", after, err)
	}
	c.Lock(func() { c.Items[3].Name = "C.MP4" })
	_, err = r.Stat()
	wantErr(t, err, ptp.ErrChanged)
	c.Lock(func() { c.Items[3].Handle = 99 })
	_, err = r.Stat()
	wantErr(t, err, os.ErrNotExist)
}

// A stream that begins again must pass over the bytes that it gave before.
func TestStreamChanged(t *testing.T) {
	c := camera(file(20, 0, "long.mp4", 16<<20))
	c.Ops = ptpOps
	s := open(t, c)
	r := reader(t, s, "long.mp4")
	if _, err := io.ReadFull(r, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Stat(); err != nil { // breaks the stream off
		t.Fatal(err)
	}
	c.Lock(func() { c.Items[6].At = ptpsim.Pattern(21) })
	_, err := r.Read(make([]byte, 1<<20))
	wantErr(t, err, ptp.ErrChanged)
	same(t, s, "DCIM/100MEDIA/A.MP4", c.Items[3])
}
