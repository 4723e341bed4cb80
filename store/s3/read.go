package s3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/store"
)

// The headers that minio-go does not name.
const (
	headerSHA256 = "X-Amz-Meta-Sha256"
	headerMode   = "X-Amz-Object-Lock-Mode"
	headerUntil  = "X-Amz-Object-Lock-Retain-Until-Date"
	checksumMode = "X-Amz-Checksum-Mode"
)

// pin says exactly which version is meant: by its id where the bucket keeps
// versions, and by its ETag.
type pin struct{ id, etag string }

// pinOf reads a version as Info gives it.
func pinOf(name, version string) pin {
	if isObject(name) {
		return pin{id: version}
	}
	return pin{etag: version}
}

func (p pin) options() minio.GetObjectOptions {
	o := minio.GetObjectOptions{VersionID: p.id}
	o.Set(checksumMode, "ENABLED")
	if p.etag != "" {
		o.Set("If-Match", `"`+p.etag+`"`)
	}
	return o
}

// head is what the server says of one version.
type head struct {
	info store.Info
	pin  pin
	sha  string // as the metadata says, "" where they don't
	crc  uint64
	crcd bool // the server told the checksum
}

func (r *Reader) key(name string) string { return r.where.prefix + name }

// Stat implements store.Reader.
func (r *Reader) Stat(ctx context.Context, name, version string) (store.Info, error) {
	if err := checkName(name); err != nil {
		return store.Info{}, err
	}
	h, err := r.head(ctx, name, pinOf(name, version))
	if err != nil {
		return store.Info{}, r.inStore("stat", name, reading(err))
	}
	return h.info, nil
}

// reading turns a version that is not there any more into one that is not there.
func reading(err error) error {
	if isRefused(err) {
		return fmt.Errorf("%w any more in this version", store.ErrNotExist)
	}
	return err
}

func (r *Reader) head(ctx context.Context, name string, p pin) (h head, err error) {
	err = r.do(ctx, func() (err error) {
		h, err = r.headOnce(ctx, name, p)
		return err
	})
	return h, err
}

// headOnce is head for a step that is repeated by itself: tries of tries would
// keep a store that fails busy for minutes before anybody hears of it.
func (r *Reader) headOnce(ctx context.Context, name string, p pin) (head, error) {
	o, err := r.core.StatObject(ctx, r.where.bucket, r.key(name), p.options())
	if err != nil {
		return head{}, r.reason(ctx, name, p, err)
	}
	return newHead(name, o, o.Size)
}

// reason asks again by GET for what HEAD refused: only an answer with a body
// tells a bucket that is gone, or keys that are, from a name that is not there.
func (r *Reader) reason(ctx context.Context, name string, p pin, err error) error {
	a, ok := answerOf(err)
	if !ok || a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusForbidden && a.StatusCode != http.StatusNotFound {
		return err
	}
	body, _, _, err := r.core.GetObject(ctx, r.where.bucket, r.key(name), p.options())
	if err == nil {
		_ = body.Close()
		err = errHalf // it came between the two
	}
	return err
}

// newHead reads the headers of HEAD and GET. What lacks those that S3 sends
// with every object is no answer of S3.
func newHead(name string, o minio.ObjectInfo, size int64) (head, error) {
	if o.ETag == "" || size < 0 {
		return head{}, errHalf
	}
	h := head{info: store.Info{Name: name, Size: size}, pin: pin{id: versionID(o.VersionID), etag: o.ETag}, sha: o.Headers.Get(headerSHA256)}
	h.info.Version = h.pin.etag
	if isObject(name) {
		h.info.Version = h.pin.id
	}
	if mode := strings.ToLower(o.Headers.Get(headerMode)); mode == "governance" || mode == "compliance" {
		until, err := time.Parse(time.RFC3339, o.Headers.Get(headerUntil))
		if err != nil {
			return head{}, errHalf
		}
		h.info.Lock, h.info.Until = mode, until.UTC()
	}
	if b, err := base64.StdEncoding.DecodeString(o.ChecksumCRC64NVME); err == nil && len(b) == 8 {
		h.crc, h.crcd = binary.BigEndian.Uint64(b), true
	}
	return h, nil
}

// versionID is "" for what stands in a bucket without versions.
func versionID(id string) string {
	if id == "null" {
		return ""
	}
	return id
}

// encodeCRC is a checksum as its header has it.
func encodeCRC(crc uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc))
}

// rangeOf is where a partial answer stands, as its header says.
func rangeOf(h http.Header) (from, to, size int64, err error) {
	n, err := fmt.Sscanf(h.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size)
	if err != nil || n != 3 {
		return 0, 0, 0, errHalf
	}
	return from, to, size, nil
}

func (h head) crcBytes() []byte { return binary.BigEndian.AppendUint64(nil, h.crc) }
