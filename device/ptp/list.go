package ptp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/custodock/custodock/device"
)

// The reasons for device.Skipped beside those of a folder.
const (
	SkipName    = "no name for a file" // empty, ".", "..", or with a slash or a zero
	SkipTwice   = "listed twice"
	SkipStorage = "storage not available"
)

// errEndless ends a listing that is larger than any real one.
var errEndless = errors.New("the listing does not end")

// The parent that GetObjectHandles takes for the root of a storage.
const rootParent = 0xFFFFFFFF

// node is an object or the root of a storage, in the order of discovery.
type node struct {
	storage uint32
	handle  uint32
	info    ObjectInfo
	folder  bool
	parent  int // the node above, -1 for the root of a storage
	listed  int // the node in whose listing it was seen: always an earlier one
	name    string
}

// listing is one walk through a device.
type listing struct {
	s     *Session
	ctx   context.Context
	epoch int

	nodes    []node
	byHandle map[uint32]int
	names    int // bytes of them
	label    string
	skipped  []device.Skipped
	trouble  []error // the first reasons why it is incomplete
	troubles int
}

// list walks through the device. It begins again when the session broke off
// meanwhile, since no handle means anything then.
func (s *Session) list(ctx context.Context) (*listing, error) {
	for try := 1; ; try++ {
		l := &listing{s: s, ctx: ctx, byHandle: map[uint32]int{}}
		err := l.run()
		if err == nil || !errors.Is(err, errAnew) {
			return l, err
		}
		if try == tries {
			return l, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
	}
}

func (l *listing) run() error {
	a, epoch, err := l.s.askIn(l.ctx, question{op: opStorageIDs, limit: maxDataset}, -1)
	if err != nil {
		return err
	}
	l.epoch = epoch
	ids, err := parseHandles(a.data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id&0xFFFF == 0 { // a slot without a card
			continue
		}
		if err := l.storage(id); err != nil {
			return err
		}
	}
	if len(l.nodes) == 0 {
		// A locked phone shows nothing. That is not an empty device.
		return l.note(errors.New("it shows no storage: unlock it, choose file transfer or put its card in"))
	}
	for i := 0; i < len(l.nodes); i++ {
		if !l.nodes[i].folder {
			continue
		}
		if err := l.open(i); err != nil {
			return err
		}
	}
	l.settle()
	return nil
}

// storage adds the root of a storage. The first one's files lie at the root of
// the tree, where profiles look for them; those of each other in a folder named
// after it.
func (l *listing) storage(id uint32) error {
	a, _, err := l.s.askIn(l.ctx, question{op: opStorageInfo, params: []uint32{id}, limit: maxDataset}, l.epoch)
	name := ""
	if len(l.nodes) > 0 {
		name = fmt.Sprintf("storage-%08X", id)
	}
	switch {
	case answered(err, respNoStore):
		l.skip(fmt.Sprintf("storage-%08X", id), SkipStorage)
		return nil
	case err == nil:
		if info, err := parseStorageInfo(a.data); err == nil && len(l.nodes) == 0 {
			l.label = info.Label
		}
	case !isAnswer(err):
		return err
	}
	l.nodes = append(l.nodes, node{storage: id, folder: true, parent: -1, name: name})
	return nil
}

// open lists a folder.
func (l *listing) open(i int) error {
	parent := l.nodes[i].handle
	if l.nodes[i].parent < 0 {
		parent = rootParent
	}
	q := question{
		op: opObjectHandles, params: []uint32{l.nodes[i].storage, 0, parent},
		limit: 4 + 4*maxHandles, wait: l.s.opts.List,
	}
	a, _, err := l.s.askIn(l.ctx, q, l.epoch)
	if errors.Is(err, os.ErrNotExist) && l.nodes[i].parent >= 0 {
		l.skip(l.shown(i), device.SkipVanished)
		return nil
	}
	if err != nil {
		return l.unlisted(i, err)
	}
	handles, err := parseHandles(a.data)
	if err != nil {
		return l.unlisted(i, err)
	}
	slices.Sort(handles)
	for n, h := range handles {
		if n > 0 && handles[n-1] == h {
			continue
		}
		if err := l.add(i, h); err != nil {
			return err
		}
	}
	return nil
}

// add asks what an object of folder i is.
func (l *listing) add(i int, handle uint32) error {
	if l.names > maxNames {
		return fmt.Errorf("%w: more than %d bytes of names", errEndless, maxNames)
	}
	if at, again := l.byHandle[handle]; again {
		l.again(i, at)
		return nil
	}
	if len(l.nodes) >= maxObjects {
		return fmt.Errorf("%w: more than %d files and folders", errEndless, maxObjects)
	}
	info, err := l.s.describe(l.ctx, handle, l.epoch)
	switch {
	case errors.Is(err, os.ErrNotExist):
		l.skip(fmt.Sprintf("%s/object-%08X", l.shown(i), handle), device.SkipVanished)
		return nil
	case err != nil:
		return l.unlisted(i, err)
	}
	l.names += len(info.Name)
	l.byHandle[handle] = len(l.nodes)
	l.nodes = append(l.nodes, node{
		storage: l.nodes[i].storage, handle: handle, info: info, folder: info.Format == formatFolder,
		parent: i, listed: i, name: info.Name,
	})
	return nil
}

// again notes an object that stands in two listings. One that says itself that
// it belongs here was shown too early by a device that lists all at once.
func (l *listing) again(i, at int) {
	n := l.nodes[at]
	if l.nodes[i].parent >= 0 && n.info.Parent == l.nodes[i].handle {
		return
	}
	reason := SkipTwice
	if n.folder {
		reason = device.SkipLoop
	}
	l.skip(fmt.Sprintf("%s/object-%08X", l.shown(i), n.handle), reason)
}

// unlisted notes that something could not be listed, unless that ends it all.
func (l *listing) unlisted(i int, err error) error {
	dataset := errors.Is(err, errFault) && !errors.Is(err, ErrProtocol) // the wire itself is in order
	if !isAnswer(err) && !dataset && !errors.Is(err, errSize) {
		return err
	}
	return l.note(fmt.Errorf("list %.300q: %w", l.shown(i), err))
}

func (l *listing) note(err error) error {
	if l.troubles++; len(l.trouble) == 0 {
		l.trouble = append(l.trouble, err)
	}
	return nil
}

func (l *listing) skip(path, reason string) {
	l.names += len(path)
	l.skipped = append(l.skipped, device.Skipped{Path: strings.TrimPrefix(path, "/"), Reason: reason})
}

// shown is the path of a folder while the tree is not settled, for messages.
func (l *listing) shown(i int) string {
	var names []string
	for depth := 0; i >= 0 && depth < 64; i, depth = l.nodes[i].listed, depth+1 {
		if l.nodes[i].parent < 0 {
			names = append(names, l.nodes[i].name)
			break
		}
		names = append(names, l.nodes[i].name)
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}

// isAnswer reports whether the device is in order and said no.
func isAnswer(err error) bool {
	var response responseError
	return errors.As(err, &response)
}
