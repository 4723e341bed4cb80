package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
)

// centre is a server with a bucket, and the line to it that a test spoils.
type centre struct {
	*testbench.S3Server
	bucket string
	line   *testbench.Relay
}

// newCentre starts a server. Its bucket keeps versions, so that nothing that
// is written twice goes unseen.
func newCentre(t testing.TB, o testbench.S3Options, lock bool) *centre {
	t.Helper()
	return bucketOf(t, testbench.S3(t, o), "evidence", lock)
}

// bucketOf makes a bucket on a server that runs, with a line of its own.
func bucketOf(t testing.TB, s *testbench.S3Server, bucket string, lock bool) *centre {
	t.Helper()
	s.MakeBucket(bucket, lock)
	if !lock {
		s.EnableVersioning(bucket)
	}
	return &centre{S3Server: s, bucket: bucket, line: testbench.Proxy(t, s.Endpoint())}
}

// url is the store behind the line.
func (c *centre) url() string { return testbench.StoreURL(c.line.URL, c.bucket, "dock") }

// key is the name in the bucket of an object of these bytes.
func key(sha256 string) string { return "dock/object/" + sha256[:2] + "/" + sha256 }

// once is an error unless each file is one version of one object and one
// acquisition of the published log, and there is nothing else.
func (c *centre) once(files ...testbench.File) error {
	versions, taken := map[string]int{}, map[string]int{}
	for _, v := range c.Versions(c.bucket, "dock/object/") {
		if !v.DeleteMarker {
			versions[path.Base(v.Key)]++
		}
	}
	entries, err := c.entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type == "clip.ingested" {
			taken[e.Fields.Str("sha256")]++
		}
	}
	for _, f := range files {
		if versions[f.SHA256] != 1 || taken[f.SHA256] != 1 {
			err = errors.Join(err, fmt.Errorf("%s has %d versions and %d acquisitions", f.Name, versions[f.SHA256], taken[f.SHA256]))
		}
	}
	if len(versions) != len(files) || len(taken) != len(files) {
		err = errors.Join(err, fmt.Errorf("%d objects and %d acquired digests of %d files", len(versions), len(taken), len(files)))
	}
	return err
}

// keeps is an error unless every clip that was acknowledged is in the log.
func (c *centre) keeps(acked map[string]string) error {
	entries, err := c.entries()
	if err != nil {
		return err
	}
	has := map[string]string{}
	for _, e := range entries {
		if e.Type == "clip.ingested" {
			has[e.Name()] = e.Fields.Str("sha256")
		}
	}
	for clip, sum := range acked {
		if has[clip] != sum {
			err = errors.Join(err, fmt.Errorf("clip %s was acknowledged with %s, the log has %q there", clip, sum, has[clip]))
		}
	}
	return err
}

// extra is how many versions of objects there are beyond one of each.
func (c *centre) extra() int {
	seen, extra := map[string]bool{}, 0
	for _, v := range c.Versions(c.bucket, "dock/object/") {
		if seen[v.Key] {
			extra++
		}
		seen[v.Key] = true
	}
	return extra
}

// logs are the names of the logs in the bucket.
func (c *centre) logs() []string {
	var names []string
	for o := range c.Core().ListObjectsIter(context.Background(), c.bucket, minio.ListObjectsOptions{Prefix: "dock/log/"}) {
		names = append(names, path.Base(o.Key))
	}
	return names
}

// entries reads every log of the bucket without the program under test.
func (c *centre) entries() ([]manifest.Entry, error) {
	var all []manifest.Entry
	for _, name := range c.logs() {
		one, err := c.log(name)
		if err != nil {
			return nil, fmt.Errorf("log %s: %w", name, err)
		}
		all = append(all, one...)
	}
	return all, nil
}

// log reads one log.
func (c *centre) log(name string) ([]manifest.Entry, error) {
	head, err := c.checkpoint(name)
	if err != nil {
		return nil, err
	}
	var entries []manifest.Entry
	for at := int64(0); at < head.Size; at += manifest.TileWidth {
		width := int(min(manifest.TileWidth, head.Size-at))
		b, err := c.get(manifest.LogPath(name, manifest.EntriesPath(at/manifest.TileWidth, width%manifest.TileWidth)))
		if err != nil {
			return nil, err
		}
		raws, err := manifest.DecodeBundle(b, width)
		if err != nil {
			return nil, err
		}
		for _, raw := range raws {
			e, err := manifest.ParseEntry(raw)
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// checkpoint is the signed one that the bucket shows.
func (c *centre) checkpoint(name string) (manifest.Checkpoint, error) {
	vkey, err := c.get(manifest.KeyPath(name))
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	v, err := manifest.ParseKey(strings.TrimSpace(string(vkey)))
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	msg, err := c.get(manifest.CheckpointPath(name))
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	return manifest.OpenCheckpoint(msg, v.Name(), v)
}

// get reads what the dock stored under a name, past the line.
func (c *centre) get(name string) ([]byte, error) {
	body, _, _, err := c.Core().GetObject(context.Background(), c.bucket, "dock/"+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

// uploads are the multipart uploads of an object that nobody has finished.
// They are asked for by whole key: MinIO lists no others.
func (c *centre) uploads(sha256 string) int {
	page, err := c.Core().ListMultipartUploads(context.Background(), c.bucket, key(sha256), "", "", "", 1000)
	if err != nil {
		return -1
	}
	return len(page.Uploads)
}

func terminate(p *testbench.Process) testbench.Result {
	p.Signal(syscall.SIGTERM)
	return p.Wait()
}
