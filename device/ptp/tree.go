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

// Scan lists the device whole and then calls fn for each file: the files of a
// folder in byte order, then its folders in byte order. The errors are those of
// device.Folder.Scan.
//
// Names are the UTF-8 of the device's UTF-16. Two objects of one name in one
// folder are both there: the later one's name has its handle before it. Ino is
// the handle, ChangeTime the time of the last change.
func (s *Session) Scan(ctx context.Context, fn func(device.File) error) (device.Scan, error) {
	l, err := s.list(ctx)
	if err != nil && !errors.Is(err, errEndless) {
		return device.Scan{}, s.wrap("scan", err)
	}
	if err != nil {
		l.settle()
		_ = l.note(err)
	}
	found, objects := l.tree()
	if !s.learn(l, objects) {
		return found, s.wrap("scan", fmt.Errorf("%w: %w", device.ErrIncomplete, errAnew))
	}
	for _, o := range objects {
		if err := ctx.Err(); err != nil {
			return found, err
		}
		found.Files++
		t := o.info.modTime()
		if err := fn(device.File{Path: o.path, Size: o.info.Size, ModTime: t, ChangeTime: t, Ino: uint64(o.handle)}); err != nil {
			return found, err
		}
	}
	if err := s.Alive(ctx); isGone(err) {
		return found, err
	}
	if l.troubles > 0 {
		return found, s.wrap("scan", l.failed())
	}
	return found, nil
}

func (l *listing) failed() error {
	if l.troubles == 1 {
		return fmt.Errorf("%w: %w", device.ErrIncomplete, l.trouble[0])
	}
	return fmt.Errorf("%w: %w, and %d more", device.ErrIncomplete, l.trouble[0], l.troubles-1)
}

// learn remembers where the files are.
func (s *Session) learn(l *listing, objects []object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.epoch != s.epoch {
		return false
	}
	s.label = l.label
	s.index = make(map[string]object, len(objects))
	for _, o := range objects {
		s.index[o.path] = o
	}
	return true
}

// settle decides where each object lies: in the folder that it names itself,
// since some devices list all objects at once, else in the one that listed it.
// An object that would lie within itself goes back to where it was listed; those
// places come from earlier nodes only, so this ends.
func (l *listing) settle() {
	for i := range l.nodes {
		n := &l.nodes[i]
		if n.parent < 0 || n.info.Parent == 0 || n.info.Parent == rootParent {
			continue
		}
		if at, ok := l.byHandle[n.info.Parent]; ok && at != i && l.nodes[at].folder && l.nodes[at].storage == n.storage {
			n.parent = at
		}
	}
	checked := make([]int, len(l.nodes)) // the walk that came by, counted from 1
	for i := range l.nodes {
		for at := i; at >= 0 && (checked[at] == 0 || checked[at] == i+1); {
			if checked[at] == i+1 {
				if l.nodes[at].parent == l.nodes[at].listed {
					at = l.nodes[at].parent
					continue
				}
				l.nodes[at].parent = l.nodes[at].listed
			}
			checked[at] = i + 1
			at = l.nodes[at].parent
		}
	}
}

// branch is a tree under construction.
type branch struct {
	l       *listing
	below   [][]int // by node
	found   device.Scan
	objects []object
}

// tree gives each file its path.
func (l *listing) tree() (device.Scan, []object) {
	b := &branch{l: l, below: make([][]int, len(l.nodes))}
	b.found.Skipped = l.skipped
	var roots []int
	for i, n := range l.nodes {
		if n.parent >= 0 {
			b.below[n.parent] = append(b.below[n.parent], i)
		} else if len(roots) > 0 {
			b.below[roots[0]] = append(b.below[roots[0]], i) // a further storage
		}
		if n.parent < 0 {
			roots = append(roots, i)
		}
	}
	if len(roots) > 0 {
		b.enter(roots[0], "", 0)
	}
	return b.found, b.objects
}

func (b *branch) enter(i int, dir string, depth int) {
	b.found.Dirs++
	order := b.below[i]
	slices.SortFunc(order, func(x, y int) int {
		if c := strings.Compare(b.l.nodes[x].name, b.l.nodes[y].name); c != 0 {
			return c
		}
		return x - y // which is in the order of handles
	})
	taken := map[string]bool{}
	paths := make([]string, len(order))
	for k, at := range order {
		paths[k] = b.name(dir, at, taken)
	}
	for k, at := range order {
		if n := b.l.nodes[at]; paths[k] != "" && !n.folder {
			b.objects = append(b.objects, object{path: paths[k], handle: n.handle, epoch: b.l.epoch, info: n.info})
		}
	}
	for k, at := range order {
		if paths[k] == "" || !b.l.nodes[at].folder {
			continue
		}
		if depth+1 > maxDepth {
			b.skip(paths[k], device.SkipDeep)
			continue
		}
		b.enter(at, paths[k], depth+1)
	}
}

// name is the path of a node in dir, "" when it can have none.
func (b *branch) name(dir string, at int, taken map[string]bool) string {
	n := b.l.nodes[at]
	name := n.name
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		b.skip(join(dir, fmt.Sprintf("object-%08X", n.handle)), SkipName)
		return ""
	}
	for taken[name] {
		name = fmt.Sprintf("%08X-%s", n.handle, name)
	}
	taken[name] = true
	return join(dir, name)
}

func (b *branch) skip(path, reason string) {
	b.found.Skipped = append(b.found.Skipped, device.Skipped{Path: path, Reason: reason})
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// find gives the object at path in the present epoch. It lists the device when
// it does not know it.
func (s *Session) find(ctx context.Context, path string) (object, error) {
	for range tries {
		s.mu.Lock()
		o, ok := s.index[path]
		epoch := s.epoch
		s.mu.Unlock()
		if ok && o.epoch == epoch {
			return o, nil
		}
		l, err := s.list(ctx)
		if err != nil {
			return object{}, err
		}
		if _, objects := l.tree(); s.learn(l, objects) && !slices.ContainsFunc(objects, func(o object) bool { return o.path == path }) {
			return object{}, os.ErrNotExist
		}
	}
	return object{}, errAnew
}
