package ptp

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// seeds are the datasets of a device that keeps to the standard.
func seeds() map[string][]byte {
	text := func(s string) []byte {
		units := utf16.Encode([]rune(s + "\x00"))
		b := []byte{byte(len(units))}
		for _, u := range units {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return b
	}
	info := append([]byte{100, 0, 6, 0, 0, 0, 100, 0}, text("android.com: 1.0;")...)
	info = append(info, 0, 0, 2, 0, 0, 0, 0x01, 0x10, 0xC1, 0x95)
	info = append(info, make([]byte, 16)...)
	for _, s := range []string{"Maker", "Model", "1", "S1"} {
		info = append(info, text(s)...)
	}
	object := append([]byte{1, 0, 1, 0, 0x0D, 0x30, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}, make([]byte, 40)...)
	for _, s := range []string{"视频😀.MP4", "20260102T030405", "20260102T030405.5+0130", ""} {
		object = append(object, text(s)...)
	}
	list := []byte{2, 0, 0, 0, 9, 0, 0, 0, 0x04, 0xDC, 8, 0, 1, 2, 3, 4, 5, 0, 0, 0, 7, 0, 0, 0, 0x07, 0xDC, 0xFF, 0xFF}
	return map[string][]byte{
		"device": info, "object": object, "storage": append(make([]byte, 26), append(text("Card"), text("CAM")...)...),
		"handles": {2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0}, "list": append(list, text("name")...), "size": {1, 2, 3, 4, 5, 0, 0, 0},
	}
}

// The seeds are what they say: a fuzzer that begins with refused bytes finds little.
func TestSeeds(t *testing.T) {
	s := seeds()
	if i, err := parseDeviceInfo(s["device"]); err != nil || i.Serial != "S1" || !i.offers(opPartial64) || i.offers(opPartial) {
		t.Errorf("%+v, %v", i, err)
	}
	i, err := parseObjectInfo(s["object"])
	at := time.Date(2026, 1, 2, 1, 34, 5, 5e8, time.UTC)
	if err != nil || i.Name != "视频😀.MP4" || !i.modTime().Equal(at) || i.size32 != endless || i.Captured.Hour() != 3 {
		t.Errorf("%+v, %v", i, err)
	}
	if i, err := parseStorageInfo(s["storage"]); err != nil || i.Label != "CAM" || i.Description != "Card" {
		t.Errorf("%+v, %v", i, err)
	}
	if h, err := parseHandles(s["handles"]); err != nil || len(h) != 2 || h[1] != 2 {
		t.Errorf("%v, %v", h, err)
	}
	if size, found, err := parseSizeList(s["list"], 9); err != nil || !found || size != 0x0504030201 {
		t.Errorf("%#x, %v, %v", size, found, err)
	}
	if size, err := parseSize(s["size"]); err != nil || size != 0x0504030201 {
		t.Errorf("%#x, %v", size, err)
	}
}

// Every dataset that is cut off anywhere is refused or shorter, never a panic.
func FuzzDatasets(f *testing.F) {
	n := 0
	for _, b := range seeds() {
		f.Add(b)
		n++
	}
	if n != 6 {
		f.Fatal("seeds are missing")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if i, err := parseDeviceInfo(b); err == nil && len(i.Operations)*2 > len(b) {
			t.Errorf("%d operations from %d bytes", len(i.Operations), len(b))
		}
		if i, err := parseObjectInfo(b); err == nil && len(i.Name) > 4*255 {
			t.Errorf("a name of %d bytes", len(i.Name))
		}
		_, _ = parseStorageInfo(b)
		if h, err := parseHandles(b); err == nil && 4+4*len(h) > len(b) {
			t.Errorf("%d handles from %d bytes", len(h), len(b))
		}
		if size, err := parseSize(b); err == nil && len(b) == 8 && size != binary.LittleEndian.Uint64(b) {
			t.Errorf("%#x", size)
		}
		_, found, err := parseSizeList(b, 9)
		if found && err == nil && len(b) < 20 {
			t.Error("a size from nowhere")
		}
	})
}

func FuzzTime(f *testing.F) {
	for s, want := range map[string]string{
		"20260102T030405": "2026-01-02T03:04:05Z", "20260102T030405.7": "2026-01-02T03:04:05.7Z", "20260102T030405Z": "2026-01-02T03:04:05Z",
		"20260102T030405.0Z": "2026-01-02T03:04:05Z", "20260102T030405+0100": "2026-01-02T02:04:05Z", "19800101T000000": "1980-01-01T00:00:00Z",
	} {
		if got := parseTime(s).Format(time.RFC3339Nano); got != want {
			f.Errorf("%s: %s, want %s", s, got, want)
		}
		f.Add(s)
	}
	for _, s := range []string{"", "20261302T030405", "20260102", "20260102T0304059", "20260102T030405+01:00", "00000000T000000"} {
		if !parseTime(s).IsZero() {
			f.Errorf("%q is a time", s)
		}
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if at := parseTime(s); at.Location() != time.UTC {
			t.Errorf("%v is not in UTC", at)
		}
	})
}

// Two names of the device are two names here.
func FuzzText(f *testing.F) {
	f.Add([]byte{'a', 0, 0x3D, 0xD8, 0x00, 0xDE}, []byte{0x3D, 0xD8})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		units := func(b []byte) []uint16 {
			out := make([]uint16, len(b)/2)
			for i := range out {
				out[i] = binary.LittleEndian.Uint16(b[2*i:])
			}
			return out
		}
		ua, ub := units(a), units(b)
		equal := len(ua) == len(ub)
		for i := 0; equal && i < len(ua); i++ {
			equal = ua[i] == ub[i]
		}
		if (toBytes(ua) == toBytes(ub)) != equal {
			t.Errorf("%x and %x", ua, ub)
		}
		if len(toBytes(ua)) > 3*len(ua) {
			t.Errorf("%d bytes from %d units", len(toBytes(ua)), len(ua))
		}
	})
}

// canned is a pipe that answers everything with the same bytes, in transfers of
// at most cut bytes.
type canned struct {
	Pipe
	left []byte
	cut  int
}

func (c *canned) PacketSize() int { return 64 }

func (c *canned) Write(_ context.Context, b []byte) (int, error) { return len(b), nil }

func (c *canned) Read(_ context.Context, b []byte) (int, error) {
	if len(c.left) == 0 {
		return 0, io.ErrClosedPipe
	}
	n := copy(b, c.left[:min(c.cut, len(c.left))])
	c.left = c.left[n:]
	return n, nil
}

// Whatever a device sends, a transaction ends, and its data are within the limit.
func FuzzWire(f *testing.F) {
	good := []byte{16, 0, 0, 0, 2, 0, 8, 16, 1, 0, 0, 0, 'o', 'k', 'a', 'y', 16, 0, 0, 0, 3, 0, 1, 0x20, 1, 0, 0, 0, 5, 0, 0, 0}
	w := newWire(&canned{left: good, cut: 16}, time.Second)
	a, err := w.ask(f.Context(), question{op: opObjectInfo, limit: 10})
	if err != nil || string(a.data) != "okay" || len(a.params) != 1 || a.params[0] != 5 {
		f.Fatalf("%+v, %v", a, err)
	}
	f.Add(good, uint8(16), uint16(10))
	f.Add(good, uint8(64), uint16(1))
	f.Add([]byte(strings.Repeat("\x0c\x00\x00\x00\x03\x00\x01\x20\x09\x00\x00\x00", 12)), uint8(12), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8, limit uint16) {
		w := newWire(&canned{left: b, cut: max(1, int(cut))}, time.Second)
		a, err := w.ask(t.Context(), question{op: opObjectInfo, limit: int(limit)})
		if err == nil && len(a.data) > int(limit) {
			t.Errorf("%d bytes of at most %d", len(a.data), limit)
		}
		var response responseError
		if err == nil || errors.As(err, &response) {
			return
		}
		if !errors.Is(err, errFault) && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%v", err)
		}
	})
}

func TestSafe(t *testing.T) {
	for n := int64(1); n < 5000; n++ {
		got := safe(n)
		if got < 1 || got > n || n-got > 8 || got%64 == 0 || (got+headerSize)%64 == 0 {
			t.Fatalf("%d becomes %d", n, got)
		}
	}
	if safe(chunk) != chunk {
		t.Error("a chunk is not safe")
	}
}

func TestTrueSize(t *testing.T) {
	for _, c := range []struct {
		size32 uint32
		size64 uint64
		want   uint64
	}{
		{endless, 1<<32 + 5, 1<<32 + 5}, {5, 1<<32 + 5, 1<<32 + 5}, {700, 700, 700}, {700, 0, 700}, {700, 1 << 40, 700}, {endless, 7, 7},
	} {
		if got := trueSize(c.size32, c.size64); got != c.want {
			t.Errorf("%#x and %#x: %#x, want %#x", c.size32, c.size64, got, c.want)
		}
	}
}
