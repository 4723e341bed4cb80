package ptpsim

import (
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	ok          = 0x2001
	notOpen     = 0x2003
	unsupported = 0x2005
	badHandle   = 0x2009
	noProp      = 0xA801
	alreadyOpen = 0x201E
)

// content is the data of an answer, made when they are read.
type content struct {
	size int64
	at   func(off int64, p []byte)
}

func plain(b []byte) *content {
	return &content{size: int64(len(b)), at: func(off int64, p []byte) { copy(p, b[off:]) }}
}

// command answers one question.
func (c *Camera) command(b []byte) {
	le := binary.LittleEndian
	op, transaction := le.Uint16(b[6:]), le.Uint32(b[8:])
	var params [5]uint32
	for i := range (len(b) - 12) / 4 {
		params[i] = le.Uint32(b[12+4*i:])
	}
	if c.asked == nil {
		c.asked = map[uint16]int{}
	}
	c.asked[op]++
	if len(c.queue) > 0 {
		c.bad = append(c.bad, fmt.Sprintf("operation %#x was asked while an answer was under way", op))
	}
	if !slices.Contains(c.Ops, op) {
		c.bad = append(c.bad, fmt.Sprintf("operation %#x was asked and is not offered", op))
	}
	f := c.fault(op)
	if f != nil && f.Kind == Forget {
		c.open = false
	}
	data, code, ret := c.answer(op, params)
	if f == nil {
		c.send(op, transaction, data, code, ret)
		return
	}
	c.spoil(f, op, transaction, data, code, ret)
}

// answer is what a good camera says.
func (c *Camera) answer(op uint16, p [5]uint32) (data *content, code uint16, ret []uint32) {
	switch op {
	case DeviceInfo:
		return plain(c.deviceInfo()), ok, nil
	case OpenSession:
		if c.open || c.WasOpen {
			return nil, alreadyOpen, nil
		}
		c.open = true
		c.sessions++
		return nil, ok, nil
	}
	if !c.open && !c.WasOpen {
		return nil, notOpen, nil
	}
	switch op {
	case CloseSession:
		c.open, c.WasOpen = false, false
		return nil, ok, nil
	case StorageIDs:
		return plain(c.array(binary.LittleEndian, c.Storages)), ok, nil
	case StorageInfo:
		return plain(c.storageInfo()), ok, nil
	case ObjectHandles:
		return plain(c.handles(p[0], p[2])), ok, nil
	}
	it := c.item(p[0])
	if it == nil {
		return nil, badHandle, nil
	}
	return c.ofItem(op, it, p)
}

func (c *Camera) ofItem(op uint16, it *Item, p [5]uint32) (data *content, code uint16, ret []uint32) {
	le := binary.LittleEndian
	at := it.At
	if at == nil {
		at = Pattern(it.Handle)
	}
	switch op {
	case ObjectInfo:
		return plain(c.objectInfo(it)), ok, nil
	case PropValue:
		if c.BareProps {
			return nil, noProp, nil
		}
		return plain(le.AppendUint64(nil, uint64(it.Size))), ok, nil
	case PropList:
		b := le.AppendUint32(nil, 1)
		b = le.AppendUint32(b, c.shifted(it.Handle))
		b = le.AppendUint16(b, 0xDC04)
		b = le.AppendUint16(b, 8)
		return plain(le.AppendUint64(b, uint64(it.Size))), ok, nil
	case Object:
		return &content{it.Size, at}, ok, nil
	case Partial, Partial64:
		off, n := int64(p[1]), int64(p[2])
		if op == Partial64 {
			off, n = off|int64(p[2])<<32, int64(p[3])
		}
		n = max(0, min(n, it.Size-off))
		if c.Boundary && n > 0 && (n%64 == 0 || (n+12)%64 == 0) {
			c.boundary++
			c.hangs = true
		}
		return &content{n, func(o int64, p []byte) { at(off+o, p) }}, ok, []uint32{uint32(n)}
	}
	return nil, unsupported, nil
}

// send queues an answer.
func (c *Camera) send(op uint16, transaction uint32, data *content, code uint16, ret []uint32) {
	if data != nil && code == ok {
		c.data(op, transaction, data, data.size)
	}
	c.respond(transaction, code, ret)
}

// data queues a data container that says length and has what data hold.
func (c *Camera) data(op uint16, transaction uint32, data *content, length int64) {
	said := uint32(0xFFFFFFFF)
	if length+12 < 0xFFFFFFFF && (!c.Endless || op != Object) {
		said = uint32(length + 12)
	}
	head := header(said, 2, op, transaction)
	if c.Split {
		c.push(plain(head), true)
		c.push(data, !c.NoZero)
		return
	}
	c.push(&content{data.size + 12, func(off int64, p []byte) {
		n := 0
		if off < 12 {
			n = copy(p, head[off:])
		}
		if n < len(p) {
			data.at(off+int64(n)-12, p[n:])
		}
	}}, !c.NoZero)
}

func (c *Camera) respond(transaction uint32, code uint16, ret []uint32) {
	b := header(uint32(12+4*len(ret)), 3, code, transaction)
	for _, v := range ret {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	c.push(plain(b), true)
}

func header(length uint32, kind, code uint16, transaction uint32) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, length)
	b = le.AppendUint16(b, kind)
	b = le.AppendUint16(b, code)
	return le.AppendUint32(b, transaction)
}

// spoil sends what a fault makes of an answer.
func (c *Camera) spoil(f *Fault, op uint16, transaction uint32, data *content, code uint16, ret []uint32) {
	switch f.Kind {
	case Stall:
		c.halted = true
	case StallData:
		c.data(op, transaction, data, data.size)
		c.queue[len(c.queue)-1].halt = 1 + f.At
	case Silent:
		c.hangs = true
	case Mute:
	case Short:
		c.data(op, transaction, &content{data.size / 2, data.at}, data.size)
		c.respond(transaction, code, ret)
	case Wrong:
		c.send(op, transaction+7, data, code, ret)
	case Stale:
		c.respond(transaction-1, ok, nil)
		c.send(op, transaction, data, code, ret)
	case Garbage:
		c.push(plain([]byte("this is no container at all, but it is long enough to be one")), true)
	case Long:
		c.push(plain(append(header(12, 3, ok, transaction), "more"...)), true)
	case Cut:
		c.send(op, transaction, &content{data.size / 2, data.at}, code, ret)
	case Gone:
		c.data(op, transaction, data, data.size)
		c.queue[len(c.queue)-1].unplug = 1 + f.At
	case Code:
		c.respond(transaction, f.Answer, nil)
	case Ends:
		c.send(op, transaction, data, ok, nil)
		c.queue = c.queue[:len(c.queue)-1]
		c.respond(transaction, f.Answer, nil)
	case Forget:
		c.respond(transaction, notOpen, nil)
	case Endless:
		c.data(op, transaction, &content{1 << 50, func(_ int64, p []byte) { clear(p) }}, 1<<50)
	}
}
