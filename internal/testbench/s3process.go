package testbench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// errClash says that another program has taken the port.
var errClash = errors.New("the port is taken")

// Start starts a stopped server again on the same data and port, and returns
// when it answers.
func (s *S3Server) Start() {
	s.t.Helper()
	if s.process != nil {
		s.t.Fatalf("%s runs already", s.o.Kind)
	}
	port, attempts := s.port, 5
	for {
		if s.port == 0 {
			port = freePort(s.t, s.host)
		}
		err := s.launch(port)
		if err == nil {
			s.port = port
			return
		}
		attempts--
		if !errors.Is(err, errClash) || attempts == 0 {
			s.t.Fatalf("start %s: %v", s.o.Kind, err)
		}
	}
}

// freePort gives a port that nobody listens on at this moment.
func freePort(t testing.TB, host string) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// launch starts the program and waits until it lists its buckets. The keys are
// new with each server, so another one on the port cannot pass for this one.
func (s *S3Server) launch(port int) error {
	addr := net.JoinHostPort(s.host, fmt.Sprint(port))
	c := Cmd{Bin: s.bin, Dir: s.certs}
	switch s.o.Kind {
	case MinIO:
		// Without the variable it refuses a disk that is also the system's.
		c.Env = []string{
			"MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1",
		}
		c.Args = []string{"server", "--address", addr, "--certs-dir", s.certs, s.dataDir()}
	case VersityGW:
		c.Env = []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey}
		// Not --keep-alive: it leaves the end of an empty signed stream unread
		// and answers the next request on that connection 400.
		c.Args = []string{"--port", addr, "--iam-dir", s.userDir()}
		if s.o.TLS {
			c.Args = append(c.Args, "--cert", filepath.Join(s.certs, "public.crt"), "--key", filepath.Join(s.certs, "private.key"))
		}
		c.Args = append(c.Args, "posix", "--versioning-dir", s.versionDir(), s.dataDir())
	default:
		return fmt.Errorf("no such kind of server: %q", s.o.Kind)
	}
	if s.o.Net != nil {
		c = s.o.Net.Within(c)
	}
	p := c.Start(s.t)
	client, err := minio.New(addr, s.clientOptions())
	if err != nil {
		return err
	}
	o := s.clientOptions()
	o.Creds = credentials.NewStaticV4("stranger", "unknown to it", "")
	stranger, err := minio.New(addr, o)
	if err != nil {
		return err
	}
	if err := ready(s.t.Context(), client, stranger, p); err != nil {
		r := p.Kill()
		if strings.Contains(r.Stdout+r.Stderr, "in use") {
			return errClash
		}
		return fmt.Errorf("%w; it printed %s", err, tail(r.Stdout+r.Stderr))
	}
	s.process = p
	return nil
}

// ready waits until the server answers its root user and knows who is none of
// its users: MinIO reads its users after it has begun to answer the root.
func ready(ctx context.Context, root, stranger *minio.Client, p *Process) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(Patience)
	for {
		_, err := root.ListBuckets(ctx)
		if err == nil {
			if _, err = stranger.ListBuckets(ctx); minio.ToErrorResponse(err).Code == minio.InvalidAccessKeyID {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-p.Done():
			return errors.New("it ended")
		case <-late:
			return fmt.Errorf("not ready in %v: %w", Patience, err)
		}
	}
}

func tail(text string) string {
	const most = 16 << 10
	if len(text) > most {
		text = "… " + text[len(text)-most:]
	}
	return text
}

// Stop kills the server, as a power cut would; Start continues on its data. It
// may be stopped already.
func (s *S3Server) Stop() {
	s.t.Helper()
	if s.process == nil {
		return
	}
	r := s.process.Kill()
	s.process = nil
	s.transport.CloseIdleConnections()
	if s.t.Failed() {
		s.t.Logf("%s printed %s", s.o.Kind, tail(r.Stdout+r.Stderr))
	}
}

// CPU is the user and system time that the running server has used.
func (s *S3Server) CPU() time.Duration {
	s.t.Helper()
	if s.process == nil {
		s.t.Fatalf("%s does not run", s.o.Kind)
	}
	used, err := processorTime(s.process.PID())
	if err != nil {
		s.t.Fatal(err)
	}
	return used
}
