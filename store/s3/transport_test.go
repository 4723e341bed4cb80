package s3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

// TestProxy sends everything through a proxy, from the configuration and from
// the environment, or nothing.
func TestProxy(t *testing.T) {
	b := newBench(t, testbench.VersityGW, false, true)
	var seen atomic.Int64
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		seen.Add(1)
		r.Out.URL.Host = strings.TrimPrefix(b.server.Endpoint(), "http://") // names are the proxy's to resolve
	}})
	defer proxy.Close()
	for _, tt := range []struct {
		what, configured, env string
		through               bool
	}{
		{"configured", proxy.URL, "", true},
		{"from the environment", "", proxy.URL, false}, // which spares addresses of this machine
		{"none", "none", proxy.URL, false},
	} {
		seen.Store(0)
		o := b.options(newPrefix(), configs.LockGovernance)
		o.Store.Proxy = tt.configured
		getenv := o.Getenv
		o.Getenv = func(key string) string {
			if key == "HTTP_PROXY" {
				return tt.env
			}
			return getenv(key)
		}
		if _, err := open(t, o).Create(t.Context(), "log/a/key", []byte("key")); err != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
		if (seen.Load() > 0) != tt.through {
			t.Errorf("%s: the proxy saw %d requests", tt.what, seen.Load())
		}
	}
	o := fakeOptions("http://store.example:9000")
	o.Getenv = func(key string) string {
		if key == "http_proxy" {
			return proxy.URL
		}
		return anyKeys(key)
	}
	seen.Store(0)
	if _, err := openQuickly(t, o); err == nil || seen.Load() == 0 {
		t.Errorf("the proxy of the environment saw %d requests: %v", seen.Load(), err)
	}
}

// TestCertificates goes through a front that wants a certificate of the client,
// which is replaced while the store is open.
func TestCertificates(t *testing.T) {
	b := newBench(t, testbench.VersityGW, false, true)
	to, err := url.Parse(b.server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	authority := testbench.NewAuthority(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	authority.Issue(file("server.crt"), file("server.key"), "127.0.0.1")
	authority.Issue(file("one.crt"), file("one.key"), "dock-one")
	authority.Issue(file("two.crt"), file("two.key"), "dock-two")
	server, err := tls.LoadX509KeyPair(file("server.crt"), file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	var name atomic.Value
	front := httptest.NewUnstartedServer(nil)
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name.Store(r.TLS.PeerCertificates[0].SerialNumber.String())
		w.Header().Set("Connection", "close")
		(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to); p.Out.Host = p.In.Host }}).ServeHTTP(w, r)
	})
	front.Config.ErrorLog = quiet
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(authority.File)
	if err != nil {
		t.Fatal(err)
	}
	pool.AppendCertsFromPEM(pem)
	front.TLS = &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12}
	front.StartTLS()
	defer front.Close()

	o := b.options(newPrefix(), configs.LockGovernance)
	o.Store.URL = testbench.StoreURL(front.URL, b.bucket, newPrefix())
	_, err = openQuickly(t, o)
	wantSentence(t, err, store.ErrStranger, "set ca")
	o.Store.CA = authority.File
	_, err = openQuickly(t, o)
	wantSentence(t, err, store.ErrStranger, "cert")

	use := func(from string) {
		for _, kind := range []string{".key", ".crt"} {
			if err := os.Rename(file(from+kind), file("dock"+kind)); err != nil {
				t.Fatal(err)
			}
		}
	}
	use("one")
	o.Store.Cert, o.Store.CertKey = file("dock.crt"), file("dock.key")
	s := open(t, o)
	if _, err := s.Create(t.Context(), "log/a/key", []byte("key")); err != nil {
		t.Fatal(err)
	}
	first := name.Load()
	use("two")
	if _, err := s.Create(t.Context(), "log/b/key", []byte("key")); err != nil {
		t.Fatal(err)
	}
	if first == name.Load() {
		t.Error("the new certificate was not used")
	}
	if err := os.Chmod(file("dock.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openQuickly(t, o); err == nil {
		t.Error("a key that others can read was taken")
	}
}

// TestWindows follows the rates of a day, over midnight and through a change.
func TestWindows(t *testing.T) {
	now := time.Date(2026, 11, 25, 6, 59, 0, 0, time.UTC)
	l := newLimit([]configs.Window{{From: "07:00", To: "19:30", Rate: 1 << 20}, {From: "22:00", To: "06:00", Rate: 2 << 20}}, func() time.Time { return now })
	for _, tt := range []struct {
		at   string
		want rate.Limit
	}{
		{"06:59", rate.Inf}, {"07:00", 1 << 20}, {"19:29", 1 << 20}, {"19:30", rate.Inf}, {"22:00", 2 << 20}, {"23:59", 2 << 20}, {"00:00", 2 << 20}, {"05:59", 2 << 20}, {"06:00", rate.Inf},
	} {
		at, err := time.Parse("15:04", tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.at(at); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.at, got, tt.want)
		}
	}
}

// TestBandwidth measures what passes a connection, in time that only the limit
// makes pass, and that the next window is picked up by a transfer under way.
func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now() // 2000-01-01 00:00 UTC
		near, far := net.Pipe()
		const bytes = 1 << 20
		windows := []configs.Window{
			{From: "00:00", To: "00:01", Rate: 8 << 10}, // 480 KiB in its minute
			{From: "00:01", To: "00:02", Rate: 64 << 10},
		}
		c := newConn(near, newLimit(windows, func() time.Time { return time.Now().UTC() }))
		go func() {
			_, _ = io.Copy(io.Discard, far)
		}()
		if n, err := c.Write(make([]byte, bytes)); n != bytes || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		took := time.Since(start)
		want := time.Minute + (bytes-480<<10)*time.Second/(64<<10)
		if (took - want).Abs() > 5*time.Second {
			t.Errorf("it took %s, want about %s", took, want)
		}
		_ = c.Close()
		_ = far.Close()
	})
}

// TestStall ends a connection on which nothing moves.
func TestStall(t *testing.T) {
	for what, act := range map[string]func(*conn, net.Conn) error{
		"write": func(c *conn, _ net.Conn) error {
			_, err := c.Write(make([]byte, 100))
			return err
		},
		"read in mid-answer": func(c *conn, far net.Conn) error {
			go func() { _, _ = far.Write([]byte("begin")) }()
			_, err := io.ReadFull(c, make([]byte, 100))
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			c := newConn(near, nil)
			start := time.Now()
			err := act(c, far)
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) > stallTimeout+time.Second {
				t.Errorf("%s: %v after %s", what, err, time.Since(start))
			}
			_ = c.Close()
			_ = far.Close()
		})
	}
	// A server that works on its answer has more time, and a line that moves
	// slowly has all it needs.
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := newConn(near, nil)
		go func() {
			_, _ = io.ReadFull(far, make([]byte, 3))
			<-time.After(replyTimeout - time.Second)
			for range 10 {
				_, _ = far.Write([]byte("x"))
				<-time.After(stallTimeout - time.Second)
			}
			_ = far.Close()
		}()
		if _, err := c.Write([]byte("ask")); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(c); err != nil || len(got) != 10 {
			t.Errorf("%q, %v", got, err)
		}
		_ = c.Close()
	})
}

// TestLimitedStore puts through a limit, so that reading and writing work with
// it on a real server.
func TestLimitedStore(t *testing.T) {
	b := newBench(t, testbench.VersityGW, true, true)
	o := b.options(newPrefix(), configs.LockGovernance)
	o.Store.Bandwidth = []configs.Window{{From: "00:00", To: "12:00", Rate: 2 << 20}, {From: "12:00", To: "00:00", Rate: 2 << 20}}
	s := open(t, o)
	content := storetest.Random(1<<20, 70)
	start := time.Now()
	info, err := s.Put(t.Context(), storetest.Object(t, content))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.ReadAll(t.Context(), s, info.Name, 1<<30); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 900*time.Millisecond {
		t.Errorf("2 MiB at 2 MiB/s took %s", took)
	}
}
