package bundle

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/hash"
)

// A package holds what nobody may read without a reason.
const (
	filePerm = 0o600
	dirPerm  = 0o700
)

// copyBuffers are what a package holds in memory of the file it copies.
const copyBuffers = 8

// bag is a BagIt bag being written.
type bag struct {
	box     box
	payload map[string]clip.Digest
	tags    map[string]clip.Digest
	bytes   int64 // of the payload
	buffers *hash.Pool
}

func newBag(b box) *bag {
	return &bag{box: b, payload: map[string]clip.Digest{}, tags: map[string]clip.Digest{}, buffers: hash.NewPool(copyBuffers)}
}

// write adds a tag file.
func (b *bag) write(name string, data []byte, perm os.FileMode) error {
	f, err := b.box.create(name, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	b.tags[name] = sha256.Sum256(data)
	return f.done(err)
}

// copy adds a payload file and returns what it hashes to.
func (b *bag) copy(ctx context.Context, name string, in io.Reader) (hash.Sum, error) {
	f, err := b.box.create(name, filePerm)
	if err != nil {
		return hash.Sum{}, err
	}
	sum, err := hash.Copy(ctx, f, in, b.buffers, false)
	b.payload[name] = sum.SHA256
	b.bytes += sum.Size
	return sum, f.done(err)
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
	if err := b.write("tagmanifest-sha256.txt", list(b.tags), filePerm); err != nil {
		return err
	}
	return b.box.finish()
}

// list is what sha256sum prints for the files.
func list(files map[string]clip.Digest) []byte {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%s  %s\n", files[name], name)
	}
	return []byte(text.String())
}
