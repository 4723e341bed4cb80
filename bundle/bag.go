package bundle

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/hash"
)

// A package holds what nobody may read without a reason.
const (
	filePerm = 0o600
	dirPerm  = 0o700
)

// copyBuffers are what a package holds in memory of a file it copies.
const copyBuffers = 6

// bag is a BagIt bag being written.
type bag struct {
	box     box
	tags    map[string]clip.Digest
	buffers *hash.Pool

	mu      sync.Mutex // copies run side by side
	payload map[string]clip.Digest
	sm3     map[string]string // of the payload; nil where nobody asked
	bytes   int64             // of the payload
}

func newBag(b box, withSM3 bool) *bag {
	made := &bag{box: b, payload: map[string]clip.Digest{}, tags: map[string]clip.Digest{}, buffers: hash.NewPool(copyBuffers * b.together())}
	if withSM3 {
		made.sm3 = map[string]string{}
	}
	return made
}

// write adds a tag file. It is for one goroutine, when no copy runs.
func (b *bag) write(name string, data []byte, perm os.FileMode) error {
	f, err := b.box.create(name, perm, int64(len(data)))
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	b.tags[name] = sha256.Sum256(data)
	return f.done(err)
}

// copy adds a payload file that is said to have so many bytes, and returns what those
// hash to that were written.
func (b *bag) copy(ctx context.Context, name string, in io.Reader, size int64) (hash.Sum, error) {
	f, err := b.box.create(name, filePerm, size)
	if err != nil {
		return hash.Sum{}, err
	}
	sum, err := hash.Copy(ctx, f, in, b.buffers, b.sm3 != nil)
	if err := f.done(err); err != nil {
		return hash.Sum{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.payload[name] = sum.SHA256
	if b.sm3 != nil {
		b.sm3[name] = sum.SM3
	}
	b.bytes += sum.Size
	return sum, nil
}

// finish writes what BagIt asks for (RFC 8493, section 2), the list of tag
// files last.
func (b *bag) finish(info string) error {
	if err := b.write("bagit.txt", []byte("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"), filePerm); err != nil {
		return err
	}
	info += fmt.Sprintf("Payload-Oxum: %d.%d\n", b.bytes, len(b.payload))
	if err := b.write("bag-info.txt", []byte(info), filePerm); err != nil {
		return err
	}
	if err := b.write("manifest-sha256.txt", list(b.payload), filePerm); err != nil {
		return err
	}
	if b.sm3 != nil {
		if err := b.write("manifest-sm3.txt", list(b.sm3), filePerm); err != nil {
			return err
		}
	}
	if err := b.write("tagmanifest-sha256.txt", list(b.tags), filePerm); err != nil {
		return err
	}
	return b.box.finish()
}

// list is what sha256sum prints for the files, or would for SM3.
func list[D clip.Digest | string](files map[string]D) []byte {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%s  %s\n", any(files[name]), name)
	}
	return []byte(text.String())
}
