package console

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"syscall"

	"github.com/custodock/custodock/access"
)

// readable makes sure that a peer could read all of a folder it hands over. The
// daemon may read more than its callers, and must not carry their reach into
// what they could only open the top of, such as the root of the file system. It
// goes by owner, group and mode; who is let in by an ACL alone is refused, and
// an admin can do it.
//
// The folder is read a second time by the ingest. What a peer could exchange in
// between is its own: it can neither move other people's files nor link to them,
// as files with two links are never taken.
func readable(folder *os.File, peer access.Peer) error {
	root, err := os.OpenRoot("/proc/self/fd/" + strconv.Itoa(int(folder.Fd())))
	if err != nil {
		return fmt.Errorf("look at the folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	var dev uint64
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&(fs.ModeType&^fs.ModeDir) != 0 {
			return nil // what cannot be read is the ingest's to tell, links and nodes are not taken
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		st := info.Sys().(*syscall.Stat_t)
		if name == "." {
			dev = st.Dev
		}
		switch {
		case st.Dev != dev:
			return fs.SkipDir // another mount is not entered
		case name == "." || mayRead(st, d.IsDir(), peer):
			return nil
		case d.IsDir() && path.Base(name) == "lost+found":
			return nil // mkfs makes it for root alone
		}
		return fmt.Errorf("ingest: %q in the folder: %w: user id %d may not read it: have the dock's admin take the folder in", name, access.ErrDenied, peer.UID)
	})
}

// mayRead is what the kernel decides by mode alone (path_resolution(7)).
func mayRead(st *syscall.Stat_t, dir bool, peer access.Peer) bool {
	want := uint32(4)
	if dir {
		want = 5
	}
	switch {
	case st.Uid == peer.UID:
		want <<= 6
	case st.Gid == peer.GID || slices.Contains(peer.Groups, st.Gid):
		want <<= 3
	}
	return st.Mode&want == want
}
