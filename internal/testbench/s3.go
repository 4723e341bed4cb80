package testbench

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Kind of an S3 server, which is also the name of its program.
const (
	VersityGW = "versitygw"
	MinIO     = "minio"
)

// S3Options say which server S3 starts.
type S3Options struct {
	Kind string // VersityGW or MinIO; "" is VersityGW
	TLS  bool   // with a certificate of a throw-away authority: S3Server.CA
	Dir  string // where the data lies; "" is a folder of this test
	Disk int64  // MiB of a loop disk to keep the data on, which can become full; needs root. MinIO sees room again a second late
	Net  *Net   // where it runs, at the address Inside; nil is here
	Host string // address it listens on here; "" is 127.0.0.1, another is Net.Outside for a client within
}

// S3Server is a real S3 server on a loopback port, with keys of its own.
type S3Server struct {
	AccessKey, SecretKey string // of its root user
	CA                   string // file of the authority that signed its certificate; "" without TLS
	Disk                 *Disk  // where Options.Disk put the data, else nil

	t         testing.TB
	o         S3Options
	bin       string
	host      string
	port      int // 0 until the first start, unless it is given
	certs     string
	transport *http.Transport
	process   *Process // nil while stopped
}

// S3 starts a server that is killed when the test ends, and shows what it
// printed when the test failed. The programs come from tools/need.sh; a test
// without them fails.
func S3(t testing.TB, o S3Options) *S3Server {
	t.Helper()
	if o.Kind == "" {
		o.Kind = VersityGW
	}
	s := &S3Server{
		AccessKey: "T" + strings.ToUpper(random(t, 8)), SecretKey: random(t, 20),
		t: t, o: o, bin: server(t, o.Kind), host: o.Host, transport: &http.Transport{},
	}
	if o.Net != nil {
		s.host, s.port = o.Net.Inside, 9000 // a namespace of its own has every port free
	} else if o.Host == "" {
		s.host = "127.0.0.1"
	}
	if o.Disk > 0 {
		s.Disk = LoopDisk(t, o.Disk)
		s.o.Dir = s.Disk.Mountpoint
	} else if o.Dir == "" {
		s.o.Dir = t.TempDir()
	}
	for _, dir := range []string{s.dataDir(), s.versionDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.certs = t.TempDir()
	if o.TLS {
		a := NewAuthority(t)
		a.Issue(filepath.Join(s.certs, "public.crt"), filepath.Join(s.certs, "private.key"), s.host)
		s.CA, s.transport.TLSClientConfig = a.File, a.Client()
	}
	t.Cleanup(func() {
		s.Stop()
		s.transport.CloseIdleConnections()
	})
	s.Start()
	return s
}

// server gives the path of an S3 server's program.
func server(t testing.TB, name string) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "bin", "servers", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no %s in bin/servers: run tools/need.sh servers", name)
	}
	return path
}

func random(t testing.TB, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func (s *S3Server) dataDir() string    { return filepath.Join(s.o.Dir, "data") }
func (s *S3Server) versionDir() string { return filepath.Join(s.o.Dir, "versions") }

func (s *S3Server) clientOptions() *minio.Options {
	return &minio.Options{
		Creds:  credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""),
		Secure: s.o.TLS, Region: "us-east-1", Transport: s.transport, MaxRetries: 1,
	}
}

// Endpoint is where the server answers: "http://127.0.0.1:PORT".
func (s *S3Server) Endpoint() string {
	scheme := "http"
	if s.o.TLS {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, s.addr())
}

func (s *S3Server) addr() string { return net.JoinHostPort(s.host, fmt.Sprint(s.port)) }

// URL names a place in a bucket as --store takes it.
func (s *S3Server) URL(bucket, prefix string) string { return StoreURL(s.Endpoint(), bucket, prefix) }

// StoreURL is URL for another endpoint, such as a Proxy's.
func StoreURL(endpoint, bucket, prefix string) string {
	q := url.Values{"endpoint": {endpoint}, "region": {"us-east-1"}}
	return "s3://" + bucket + "/" + strings.TrimPrefix(prefix, "/") + "?" + q.Encode()
}

// Env is the environment that gives a program the root user's keys. The
// authority travels apart, as CA: programs differ in how they take one.
func (s *S3Server) Env() []string { return keys(s.AccessKey, s.SecretKey) }

func keys(access, secret string) []string {
	return []string{"AWS_ACCESS_KEY_ID=" + access, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_REGION=us-east-1"}
}
