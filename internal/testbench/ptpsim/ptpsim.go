// Package ptpsim is a camera that speaks PTP, in this process: a responder
// behind a pipe that keeps to packets as USB does. It makes its containers
// itself, so that it shares no mistake with the code under test, and misbehaves
// where it is told to, counting how often it did.
package ptpsim

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"unicode/utf16"
)

// Codes that tests name.
const (
	DeviceInfo    = 0x1001
	OpenSession   = 0x1002
	CloseSession  = 0x1003
	StorageIDs    = 0x1004
	StorageInfo   = 0x1005
	ObjectHandles = 0x1007
	ObjectInfo    = 0x1008
	Object        = 0x1009
	Partial       = 0x101B
	PropValue     = 0x9803
	PropList      = 0x9805
	Partial64     = 0x95C1

	Folder = 0x3001
)

// Item is one object of the camera.
type Item struct {
	Handle, Storage, Parent uint32
	Format                  uint16 // Folder, or 0 for a file
	Name                    string
	Units                   []uint16 // the name in UTF-16, in place of Name
	Size                    int64
	At                      func(off int64, p []byte) // fills p with the content from off; nil is Pattern
	Captured, Modified      string
}

// Camera is the device. Fields are set before the first question, and Items
// under Lock from then on.
type Camera struct {
	Packet     int    // bytes; 0 is 512
	Extensions string // of the DeviceInfo
	Serial     string
	Ops        []uint16 // offered
	Storages   []uint32
	Items      []*Item

	NoZero    bool   // no packet of no bytes after data that fill their last packet
	Split     bool   // the header of data in a transfer of its own
	CutSize   bool   // ObjectInfo has the low half of a size, not FFFFFFFF
	Flat      bool   // every listing of a root shows all objects
	Endless   bool   // the container of an object says FFFFFFFF, as if it had 4 GiB
	Renumber  bool   // other handles in each session
	Boundary  bool   // a partial read that ends where a packet does hangs the camera
	NoCancel  bool   // the class request Cancel is stalled
	WasOpen   bool   // another program left a session open
	BareProps bool   // the property of the size is refused
	Label     string // of each storage

	mu       sync.Mutex
	faults   []*Fault
	asked    map[uint16]int
	boundary int
	open     bool
	sessions uint32
	queue    []*transfer
	wake     chan struct{}
	gone     bool
	hangs    bool // until a reset
	halted   bool // until the halt is cleared
	bad      []string
	closed   bool
}

// tile is repeated in every Pattern. Its length is a prime, so that no two
// places that are a power of two apart look alike.
var tile = sync.OnceValue(func() []byte {
	b := make([]byte, 1048583)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails
	return b
})

// Pattern is content that is another at every place and for every seed.
func Pattern(seed uint32) func(int64, []byte) {
	return func(off int64, p []byte) {
		t := tile()
		for at := (off + int64(seed)*4099) % int64(len(t)); len(p) > 0; at = 0 {
			p = p[copy(p, t[at:]):]
		}
	}
}

// Asked is how often an operation was asked for.
func (c *Camera) Asked(op uint16) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[op]
}

// Hung is how often a partial read ended where a packet did.
func (c *Camera) Hung() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.boundary
}

// Bad is what the initiator did that no initiator may.
func (c *Camera) Bad() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.bad)
}

// Lock runs change while the camera answers nothing.
func (c *Camera) Lock(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// Unplug takes the device off the bus.
func (c *Camera) Unplug() {
	c.Lock(func() { c.gone = true })
	c.signal()
}

func (c *Camera) item(handle uint32) *Item {
	for _, it := range c.Items {
		if it.Handle+c.shift() == handle {
			return it
		}
	}
	return nil
}

// shift makes the handles of this session from those of the Items.
func (c *Camera) shift() uint32 {
	if c.Renumber {
		return 1000 * c.sessions
	}
	return 0
}

func (c *Camera) shifted(handle uint32) uint32 {
	if handle == 0 {
		return 0
	}
	return handle + c.shift()
}

// text encodes a string.
func text(units []uint16) []byte {
	if len(units) == 0 {
		return []byte{0}
	}
	b := []byte{byte(len(units) + 1)}
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return append(b, 0, 0)
}

func words(s string) []byte { return text(utf16.Encode([]rune(s))) }

func (c *Camera) deviceInfo() []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, 100)
	b = le.AppendUint32(b, 6)
	b = le.AppendUint16(b, 100)
	b = append(b, words(c.Extensions)...)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, uint32(len(c.Ops)))
	for _, op := range c.Ops {
		b = le.AppendUint16(b, op)
	}
	b = append(b, make([]byte, 16)...) // four empty arrays
	for _, s := range []string{"Maker", "Model", "1.0", c.Serial} {
		b = append(b, words(s)...)
	}
	return b
}

func (c *Camera) storageInfo() []byte {
	b := make([]byte, 26)
	return append(append(b, words("Card")...), words(c.Label)...)
}

func (c *Camera) objectInfo(it *Item) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, it.Storage)
	format := it.Format
	if format == 0 {
		format = 0x300D
	}
	b = le.AppendUint16(b, format)
	b = le.AppendUint16(b, 0)
	size := uint32(it.Size)
	if it.Size > 0xFFFFFFFF && !c.CutSize {
		size = 0xFFFFFFFF
	}
	b = le.AppendUint32(b, size)
	b = append(b, make([]byte, 26)...)
	b = le.AppendUint32(b, c.shifted(it.Parent))
	b = append(b, make([]byte, 10)...)
	units := it.Units
	if units == nil {
		units = utf16.Encode([]rune(it.Name))
	}
	b = append(b, text(units)...)
	b = append(b, words(it.Captured)...)
	b = append(b, words(it.Modified)...)
	return append(b, words("")...)
}

func (c *Camera) handles(storage, parent uint32) []byte {
	le := binary.LittleEndian
	var found []uint32
	for _, it := range c.Items {
		in := it.Storage == storage && c.shifted(it.Parent) == parent
		if parent == 0xFFFFFFFF {
			in = it.Storage == storage && (it.Parent == 0 || c.Flat)
		}
		if in {
			found = append(found, c.shifted(it.Handle))
		}
	}
	return c.array(le, found)
}

func (c *Camera) array(le binary.AppendByteOrder, list []uint32) []byte {
	b := le.AppendUint32(nil, uint32(len(list)))
	for _, v := range list {
		b = le.AppendUint32(b, v)
	}
	return b
}
