package testbench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/minio/minio-go/v7"
)

var kinds = []string{VersityGW, MinIO}

// put stores bytes as a new version of an object and gives its name.
func put(t *testing.T, c *minio.Core, bucket, key string, b []byte, o minio.PutObjectOptions) (version string) {
	t.Helper()
	info, err := c.PutObject(context.Background(), bucket, key, bytes.NewReader(b), int64(len(b)), "", "", o)
	if err != nil {
		t.Fatal(err)
	}
	return info.VersionID
}

func get(c *minio.Core, bucket, key, version string) ([]byte, error) {
	body, _, _, err := c.GetObject(context.Background(), bucket, key, minio.GetObjectOptions{VersionID: version})
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

func noise(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestS3StopStart(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := S3(t, S3Options{Kind: kind})
			s.MakeBucket("bucket", false)
			want := noise(t, 100_000)
			put(t, s.Core(), "bucket", "dir/key", want, minio.PutObjectOptions{})
			before := s.URL("bucket", "/p")
			s.Stop()
			if _, err := s.Core().ListBuckets(t.Context()); err == nil {
				t.Fatal("a stopped server answers")
			}
			s.Stop()
			other := httptest.NewServer(http.NotFoundHandler())
			defer other.Close()
			if err := s.launch(other.Listener.Addr().(*net.TCPAddr).Port); !errors.Is(err, errClash) {
				t.Errorf("a start on a taken port: %v", err)
			}
			s.Start()
			if got, err := get(s.Core(), "bucket", "dir/key", ""); err != nil || !bytes.Equal(got, want) {
				t.Errorf("after a restart: %d bytes, %v", len(got), err)
			}
			if s.URL("bucket", "p") != before || !strings.HasPrefix(before, "s3://bucket/p?endpoint=http%3A%2F%2F127.0.0.1%3A") {
				t.Errorf("%s, before %s", s.URL("bucket", "p"), before)
			}
		})
	}
}

func TestS3VersionsTLS(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := S3(t, S3Options{Kind: kind, TLS: true})
			if s.CA == "" || !strings.HasPrefix(s.Endpoint(), "https://") {
				t.Errorf("authority %q, endpoint %q", s.CA, s.Endpoint())
			}
			stranger := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			if r, err := stranger.Get(s.Endpoint()); err == nil {
				_ = r.Body.Close()
				t.Error("a client that does not know the authority was served")
			}
			s.MakeBucket("bucket", true)
			c := s.Core()
			one := put(t, c, "bucket", "p/key", noise(t, 1000), minio.PutObjectOptions{})
			two := put(t, c, "bucket", "p/key", noise(t, 2000), minio.PutObjectOptions{
				Mode: minio.Compliance, RetainUntilDate: time.Now().Add(time.Hour),
			})
			put(t, c, "bucket", "other", nil, minio.PutObjectOptions{})
			if err := s.Remove("bucket", "p/key", ""); err != nil {
				t.Fatal(err)
			}
			want := []Version{
				{Key: "p/key", DeleteMarker: true, Latest: true},
				{Key: "p/key", VersionID: two, Size: 2000},
				{Key: "p/key", VersionID: one, Size: 1000},
			}
			got := s.Versions("bucket", "p/")
			ignore := cmpopts.IgnoreFields(Version{}, "VersionID")
			if diff := cmp.Diff(want, got, ignore); diff != "" {
				t.Fatal(diff)
			}
			if got[1].VersionID != two || got[2].VersionID != one || got[0].VersionID == "" {
				t.Errorf("%+v", got)
			}
			if err := s.Remove("bucket", "p/key", two); err == nil {
				t.Error("a locked version was removed")
			}
			for _, v := range []string{one, got[0].VersionID} {
				if err := s.Remove("bucket", "p/key", v); err != nil {
					t.Error(err)
				}
			}
			if left := s.Versions("bucket", "p/"); !slices.Equal(left, []Version{{"p/key", two, 2000, false, true}}) {
				t.Errorf("%+v", left)
			}
		})
	}
}

func TestS3DataFile(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := S3(t, S3Options{Kind: kind})
			s.MakeBucket("plain", false)
			s.MakeBucket("versions", false)
			s.EnableVersioning("versions")
			for _, bucket := range []string{"plain", "versions"} {
				for _, size := range []int{16, 5_000, 40_000, 3 << 20} {
					flipOne(t, s, bucket, noise(t, size))
				}
			}
			old := noise(t, 300_000)
			v := put(t, s.Core(), "versions", "key", old, minio.PutObjectOptions{})
			put(t, s.Core(), "versions", "key", noise(t, 300_000), minio.PutObjectOptions{})
			path, at := s.VersionFile("versions", "key", v)
			if err := flipBit(path, at+9); err != nil {
				t.Fatal(err)
			}
			spoiled(t, s, "versions", v, old)
		})
	}
}

// flipOne changes one bit of an object on disk and looks for it.
func flipOne(t *testing.T, s *S3Server, bucket string, b []byte) {
	t.Helper()
	v := put(t, s.Core(), bucket, "key", b, minio.PutObjectOptions{})
	if got, err := get(s.Core(), bucket, "key", v); err != nil || !bytes.Equal(got, b) {
		t.Fatalf("%d bytes before: %v", len(b), err)
	}
	s.FlipBit(bucket, "key", int64(len(b)-1)%(1<<20))
	spoiled(t, s, bucket, v, b)
}

// spoiled checks that an object is found by its name and no longer given as it was.
func spoiled(t *testing.T, s *S3Server, bucket, version string, b []byte) {
	t.Helper()
	info, err := s.Core().StatObject(context.Background(), bucket, "key", minio.StatObjectOptions{VersionID: version})
	if err != nil || info.Size != int64(len(b)) {
		t.Errorf("HEAD of %d spoiled bytes: %d, %v", len(b), info.Size, err)
	}
	if got, err := get(s.Core(), bucket, "key", version); err == nil && bytes.Equal(got, b) {
		t.Errorf("a flipped bit in %d bytes of %s does not show", len(b), bucket)
	}
}

func TestS3Full(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := S3(t, S3Options{Kind: kind, Disk: 64})
			s.MakeBucket("bucket", false)
			put(t, s.Core(), "bucket", "small", noise(t, 1<<20), minio.PutObjectOptions{})
			free := s.Disk.Fill(1 << 20)
			big := noise(t, 8<<20)
			store := func() error {
				_, err := s.Core().PutObject(context.Background(), "bucket", "big", bytes.NewReader(big), int64(len(big)), "", "", minio.PutObjectOptions{})
				return err
			}
			if store() == nil {
				t.Error("a full server took 8 MiB")
			}
			free()
			until(t, "it takes them when there is room", func() bool { return store() == nil })
		})
	}
}
