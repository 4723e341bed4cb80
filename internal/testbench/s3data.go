package testbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Version is one version of an object, or a mark that hides it.
type Version struct {
	Key          string
	VersionID    string
	Size         int64
	DeleteMarker bool
	Latest       bool
}

// Core is a client with the root user's rights that tries each request once.
func (s *S3Server) Core() *minio.Core {
	s.t.Helper()
	c, err := minio.NewCore(s.addr(), s.clientOptions())
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// MakeBucket makes a bucket; with lock it has versions and object lock.
func (s *S3Server) MakeBucket(name string, lock bool) {
	s.t.Helper()
	if err := s.Core().MakeBucket(context.Background(), name, minio.MakeBucketOptions{ObjectLocking: lock}); err != nil {
		s.t.Fatalf("make bucket %s: %v", name, err)
	}
}

// EnableVersioning gives a bucket without lock versions.
func (s *S3Server) EnableVersioning(bucket string) {
	s.t.Helper()
	if err := s.Core().EnableVersioning(context.Background(), bucket); err != nil {
		s.t.Fatalf("versioning of bucket %s: %v", bucket, err)
	}
}

// Versions lists every version of every object whose key has the prefix, the
// newest of a key first.
func (s *S3Server) Versions(bucket, prefix string) []Version {
	s.t.Helper()
	var list []Version
	for o := range s.Core().ListObjectsIter(context.Background(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			s.t.Fatalf("list versions of %s/%s: %v", bucket, prefix, o.Err)
		}
		list = append(list, Version{Key: o.Key, VersionID: o.VersionID, Size: o.Size, DeleteMarker: o.IsDeleteMarker, Latest: o.IsLatest})
	}
	return list
}

// Remove deletes with all the root user's rights, the bypass of governance
// among them: one version for good, or without version what S3 makes of it, a
// delete marker where there are versions.
func (s *S3Server) Remove(bucket, key, version string) error {
	// Governance is bypassed only where a version goes: MinIO refuses the
	// header elsewhere.
	o := minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: version != ""}
	return s.Core().RemoveObject(context.Background(), bucket, key, o)
}

// DataFile gives the file on the server's disk that holds the bytes of an
// object's current version, and where in it the first of them stands. A test
// may change the file under the running server.
//
// versitygw keeps the current version as the plain file data/BUCKET/KEY and
// older ones below versions/BUCKET. MinIO keeps up to 128 KiB (16 KiB where
// there are versions) inside data/BUCKET/KEY/xl.meta and more in a folder next
// to it as part.1, part.2 and so on, one for each part of an upload; before each
// MiB stand 32 bytes of its own checksum. So the file is looked for by what the
// server answers for the object's start, of at least 16 bytes; two versions that
// start alike cannot be told apart.
func (s *S3Server) DataFile(bucket, key string) (path string, at int64) {
	s.t.Helper()
	return s.VersionFile(bucket, key, "")
}

// VersionFile is DataFile for one version.
func (s *S3Server) VersionFile(bucket, key, version string) (path string, at int64) {
	s.t.Helper()
	start, err := s.start(bucket, key, version)
	if err != nil {
		s.t.Fatalf("read the start of %s/%s: %v", bucket, key, err)
	}
	if len(start) < 16 {
		s.t.Fatalf("%s/%s has %d bytes: too few to find them on the server's disk, take 16", bucket, key, len(start))
	}
	candidates, err := s.candidates(bucket, key)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range candidates {
		at, err := find(path, start)
		if err != nil {
			s.t.Fatal(err)
		}
		if at >= 0 {
			return path, at
		}
	}
	s.t.Fatalf("no file of %s holds %s/%s", s.o.Kind, bucket, key)
	return "", 0
}

// start reads the first bytes of an object, few enough to stand in one piece
// on every server's disk.
func (s *S3Server) start(bucket, key, version string) ([]byte, error) {
	o := minio.GetObjectOptions{VersionID: version}
	if err := o.SetRange(0, 4095); err != nil {
		return nil, err
	}
	body, _, _, err := s.Core().GetObject(context.Background(), bucket, key, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

// candidates are the files that may hold an object, the current version first.
func (s *S3Server) candidates(bucket, key string) ([]string, error) {
	object := filepath.Join(s.dataDir(), bucket, filepath.FromSlash(key))
	list, err := files(object)
	if s.o.Kind == VersityGW {
		var older []string
		older, err = files(filepath.Join(s.versionDir(), bucket))
		return append([]string{object}, older...), err
	}
	return slices.DeleteFunc(list, func(path string) bool {
		name := filepath.Base(path)
		return name != "xl.meta" && name != "part.1"
	}), err
}

// files lists the regular files below a folder; one that is absent has none.
func files(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.Type().IsRegular() {
			found = append(found, path)
		}
		return err
	})
	return found, err
}

// find says where in a file the bytes stand that an object starts with: at its
// beginning, after a checksum, or anywhere in metadata; -1 where they do not.
func find(path string, start []byte) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	most := int64(len(start)) + 64
	if strings.HasSuffix(path, "xl.meta") {
		most = 16 << 20
	}
	b, err := io.ReadAll(io.LimitReader(f, most))
	return int64(bytes.Index(b, start)), err
}

// FlipBit changes one bit of the byte of an object's current version that
// stands offset bytes after its start, which must be in its first MiB, on the
// server's disk.
func (s *S3Server) FlipBit(bucket, key string, offset int64) {
	s.t.Helper()
	path, at := s.DataFile(bucket, key)
	if err := flipBit(path, at+offset); err != nil {
		s.t.Fatal(err)
	}
}

func flipBit(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return fmt.Errorf("flip a bit of byte %d of %s: %w", at, path, err)
	}
	b[0] ^= 1
	_, err = f.WriteAt(b[:], at)
	return err
}
