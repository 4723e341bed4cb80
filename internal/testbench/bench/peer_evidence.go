package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/crc64nvme"
	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// keeper does to files what evidence wants and keeps no log: it hashes each once
// while it copies it to a spool, syncs that, for all that wait at a time, and only
// then uploads it as custodock does: conditional, locked, with checksums that the
// server compares, and each object asked for at its version.
type keeper struct {
	uploader
	spool string
}

// kept is a file in the spool.
type kept struct {
	name, sha string
	size      int64
	crc       uint64
	parts     []uint64
}

const (
	headerCRC     = "x-amz-checksum-crc64nvme"
	headerCRCType = "x-amz-checksum-type"
	syncedAtOnce  = 512
)

// peerEvidence takes the files of a folder through a new spool to a bucket.
func peerEvidence(ctx context.Context, args []string) error {
	u, args, err := newUploader("evidence", args, 2)
	if err != nil {
		return err
	}
	k := keeper{uploader: u, spool: args[1]}
	entries, err := os.ReadDir(args[0])
	if err != nil {
		return err
	}
	if err := os.Mkdir(k.spool, 0o700); err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	g, gctx := errgroup.WithContext(ctx)
	read, synced := make(chan kept, syncedAtOnce), make(chan kept)
	g.Go(func() error {
		defer close(read)
		return onCores(gctx, names, func(name string, buf []byte) error {
			f, err := k.read(args[0], name, buf)
			if err != nil {
				return err
			}
			return give(gctx, read, f)
		})
	})
	g.Go(func() error {
		defer close(synced)
		return k.sync(gctx, read, synced)
	})
	for range k.parallel + filesAtOnce {
		g.Go(func() error {
			for f := range synced {
				if err := k.keep(gctx, f); err != nil {
					return fmt.Errorf("keep %s: %w", f.name, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func give(ctx context.Context, to chan<- kept, f kept) error {
	select {
	case to <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read brings one file to the spool and hashes it on the way.
func (k keeper) read(dir, name string, buf []byte) (kept, error) {
	in, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return kept{}, err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(filepath.Join(k.spool, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return kept{}, err
	}
	defer func() { _ = out.Close() }()
	f, sha := kept{name: name}, sha256.New()
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if f.size%k.part == 0 {
				f.parts = append(f.parts, 0)
			}
			f.size += int64(n)
			_, _ = sha.Write(buf[:n])
			part := &f.parts[len(f.parts)-1]
			*part = crc64nvme.Update(*part, buf[:n])
			f.crc = crc64nvme.Update(f.crc, buf[:n])
			if _, err := out.Write(buf[:n]); err != nil {
				return kept{}, err
			}
		}
		if errors.Is(err, io.EOF) {
			f.sha = hex.EncodeToString(sha.Sum(nil))
			return f, nil
		}
		if err != nil {
			return kept{}, err
		}
	}
}

// sync has the disk take what was read, all that waits at a time, and passes it on.
func (k keeper) sync(ctx context.Context, read <-chan kept, synced chan<- kept) error {
	dir, err := os.Open(k.spool)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	for f := range read {
		group := []kept{f}
		for more := true; more && len(group) < syncedAtOnce; {
			select {
			case f, more = <-read:
				if more {
					group = append(group, f)
				}
			default:
				more = false
			}
		}
		if err := unix.Syncfs(int(dir.Fd())); err != nil {
			return os.NewSyscallError("syncfs", err)
		}
		for _, f := range group {
			if err := give(ctx, synced, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep uploads one file out of the spool and asks for it.
func (k keeper) keep(ctx context.Context, f kept) error {
	in, err := os.Open(filepath.Join(k.spool, f.name))
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	version, err := k.send(ctx, f, in)
	if err != nil {
		return err
	}
	o := minio.StatObjectOptions{VersionID: version}
	o.Set("X-Amz-Checksum-Mode", "ENABLED")
	there, err := k.core.StatObject(ctx, k.bucket, k.key(f.name), o)
	if err == nil && (there.Size != f.size || there.ChecksumCRC64NVME != encodeCRC(f.crc) || there.VersionID != version) {
		err = fmt.Errorf("%d bytes with checksum %s are there, want %d and %s", there.Size, there.ChecksumCRC64NVME, f.size, encodeCRC(f.crc))
	}
	return err
}

func (k keeper) send(ctx context.Context, f kept, in io.ReaderAt) (version string, err error) {
	o := minio.PutObjectOptions{
		DisableContentSha256: true, UserMetadata: map[string]string{"sha256": f.sha},
		Mode: minio.Governance, RetainUntilDate: time.Now().Add(24 * time.Hour).Truncate(time.Second).UTC(),
	}
	if f.size > k.part {
		return k.sendParts(ctx, f, in, o)
	}
	if err := k.line.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer k.line.Release(1)
	o.UserMetadata[headerCRC] = encodeCRC(f.crc)
	o.SetMatchETagExcept("*")
	up, err := k.core.PutObject(ctx, k.bucket, k.key(f.name), io.NewSectionReader(in, 0, f.size), f.size, "", f.sha, o)
	return up.VersionID, err
}

func (k keeper) sendParts(ctx context.Context, f kept, in io.ReaderAt, o minio.PutObjectOptions) (version string, err error) {
	o.UserMetadata["x-amz-checksum-algorithm"], o.UserMetadata[headerCRCType] = "CRC64NVME", "FULL_OBJECT"
	checks := func(part int) http.Header {
		return http.Header{http.CanonicalHeaderKey(headerCRC): {encodeCRC(f.parts[part])}}
	}
	id, all, err := k.parts(ctx, k.key(f.name), in, f.size, o, checks)
	if err != nil {
		return "", err
	}
	for i := range all {
		all[i].ChecksumCRC64NVME = encodeCRC(f.parts[i])
	}
	end := minio.PutObjectOptions{UserMetadata: map[string]string{headerCRC: encodeCRC(f.crc), headerCRCType: "FULL_OBJECT"}}
	end.SetMatchETagExcept("*")
	up, err := k.core.CompleteMultipartUpload(ctx, k.bucket, k.key(f.name), id, all, end)
	return up.VersionID, err
}

// encodeCRC is a checksum as its header has it.
func encodeCRC(crc uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc))
}
