package s3

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// checkName refuses what would mean something else in a folder, so that a store
// can be copied to a disk. S3 sets the limit of 1024 bytes.
func checkName(name string) error {
	bad := name == "" || len(name) > 1024 || !utf8.ValidString(name) ||
		strings.ContainsRune(name, '\\') || strings.ContainsFunc(name, unicode.IsControl)
	for element := range strings.SplitSeq(name, "/") {
		bad = bad || element == "" || element[0] == '.' || len(element) > 255
	}
	if bad {
		return fmt.Errorf("name %q: %w in a store", short(name), fs.ErrInvalid)
	}
	return nil
}

// isObject tells clips from all other names: their version is the server's
// version id, that of the others is the ETag.
func isObject(name string) bool { return strings.HasPrefix(name, "object/") }

// isLasting tells the names of a log that are written once and kept as long as
// the objects they cover. Partial tiles, the checkpoint and records are not.
func isLasting(name string) bool {
	rest, ok := strings.CutPrefix(name, "log/")
	_, rest, found := strings.Cut(rest, "/")
	if !ok || !found {
		return false
	}
	return rest == "key" || strings.HasPrefix(rest, "checkpoints/") || strings.HasPrefix(rest, "tsa/") ||
		strings.HasPrefix(rest, "tile/") && !strings.Contains(rest, ".p/")
}

// keyed lets one goroutine at a time write a name, so that two of them never
// share an upload.
type keyed struct {
	mu   sync.Mutex
	busy map[string]*turn
}

// turn is taken by whoever fills its channel.
type turn struct {
	taken chan struct{}
	users int
}

func (k *keyed) lock(ctx context.Context, key string) (unlock func(), err error) {
	k.mu.Lock()
	if k.busy == nil {
		k.busy = map[string]*turn{}
	}
	t := k.busy[key]
	if t == nil {
		t = &turn{taken: make(chan struct{}, 1)}
		k.busy[key] = t
	}
	t.users++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(k.busy, key)
		}
	}
	select {
	case t.taken <- struct{}{}:
		return func() { <-t.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
