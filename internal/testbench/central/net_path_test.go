package central

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// TestOwnAuthority: a server whose authority the machine does not know is a
// stranger until the configuration names that authority.
func TestOwnAuthority(t *testing.T) {
	t.Parallel()
	s := netBucket(t, testbench.S3Options{TLS: true})
	url := s.URL("evidence", "tls")
	d := netNew(t, testbench.Build(t), netStores(netStore("one", url)), s.Env()...)
	p := d.daemon()
	dir, files := netClips(t, 2, 20_000, 1)
	d.wants(ingest.StateRecorded, "1s", dir, files)
	d.alarmed("is not trusted", "store_stranger")
	d.alarmed("set ca to the file of its authority", "store_stranger")
	d.configure(netStores(netStore("one", url, "ca: "+s.CA)))
	d.drained()
	d.stop(p)
	d.verified(files...)
	d.once(s, "evidence/tls", []string{"one"}, files...)
}

// TestClientCertificate: a server's front that lets in only who shows a
// certificate is passed with cert and cert_key, and without them said.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	s := netBucket(t, testbench.S3Options{})
	a := testbench.NewAuthority(t)
	front := netFront(t, a, s.Endpoint())
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	a.Issue(cert, key, "dock")
	at := testbench.StoreURL(front.URL, "evidence", "front")
	d := netNew(t, testbench.Build(t), netStores(netStore("one", at, "ca: "+a.File)), s.Env()...)
	p := d.daemon()
	cam, files := netClips(t, 2, 20_000, 1)
	d.wants(ingest.StateRecorded, "1s", cam, files)
	d.alarmed("certificate required", "store_stranger")
	if front.asked.Load() != 0 {
		t.Fatal("a request passed without certificate")
	}
	d.configure(netStores(netStore("one", at, "ca: "+a.File, "cert: "+cert, "cert_key: "+key)))
	d.drained()
	d.stop(p)
	d.verified(files...)
	d.once(s, "evidence/front", []string{"one"}, files...)
	if front.asked.Load() == 0 {
		t.Error("nothing passed the front")
	}
}

// front is a TLS server before another that asks for a certificate.
type front struct {
	*httptest.Server
	asked atomic.Int64
}

func netFront(t *testing.T, a *testbench.Authority, target string) *front {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	a.Issue(cert, key, "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	transport := &http.Transport{DisableCompression: true}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		f.asked.Add(1)
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	f.Server = httptest.NewUnstartedServer(proxy)
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert,
		VerifyConnection: func(c tls.ConnectionState) error {
			// The authority of these tests issues for servers only.
			_, err := c.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: a.Client().RootCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			return err
		},
	}
	f.StartTLS()
	t.Cleanup(func() {
		f.Close()
		transport.CloseIdleConnections()
	})
	return f
}

// TestForwardProxy: a store that only the proxy can reach is reached through
// it, over plain HTTP by forwarding and over TLS by a tunnel.
func TestForwardProxy(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		name := map[bool]string{false: "forward", true: "tunnel"}[secure]
		t.Run(name, func(t *testing.T) {
			s := netBucket(t, testbench.S3Options{TLS: secure})
			way := netProxy(t, strings.TrimPrefix(strings.TrimPrefix(s.Endpoint(), "http://"), "https://"))
			// Nobody resolves the name, but the proxy does; a certificate is for the address.
			at, more := testbench.StoreURL("http://store.invalid", "evidence", "away"), []string{"proxy: " + way.URL}
			if secure {
				at, more = s.URL("evidence", "away"), append(more, "ca: "+s.CA)
			}
			d := netNew(t, testbench.Build(t), netStores(netStore("one", at, more...)), s.Env()...)
			cam, files := netClips(t, 2, 20_000, 1)
			d.wants(ingest.StateStored, "1m", cam, files)
			way.refuse.Store(true)
			dir, others := netClips(t, 1, 20_000, 2)
			d.wants(ingest.StateRecorded, "1s", dir, others)
			way.refuse.Store(false)
			p := d.daemon()
			d.drained()
			d.stop(p)
			files = append(files, others...)
			d.verified(files...)
			d.once(s, "evidence/away", []string{"one"}, files...)
			if n := map[bool]*atomic.Int64{false: &way.forwarded, true: &way.tunnels}[secure].Load(); n == 0 {
				t.Error("the proxy was not used")
			}
		})
	}
}

// proxyServer is an HTTP proxy (RFC 9110, 3.7) that leads everywhere to one server.
type proxyServer struct {
	*httptest.Server
	to                 string
	forward            *httputil.ReverseProxy
	forwarded, tunnels atomic.Int64
	refuse             atomic.Bool
	open               sync.WaitGroup
}

func netProxy(t *testing.T, to string) *proxyServer {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	p := &proxyServer{to: to, forward: &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Host = to
		r.Out.Host = r.In.Host
	}}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		transport.CloseIdleConnections()
		p.open.Wait()
	})
	return p
}

func (p *proxyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case p.refuse.Load():
		http.Error(w, "no", http.StatusForbidden)
	case r.Method == http.MethodConnect:
		p.tunnels.Add(1)
		p.tunnel(w, r)
	default:
		p.forwarded.Add(1)
		p.forward.ServeHTTP(w, r)
	}
}

// tunnel carries bytes both ways until either end closes.
func (p *proxyServer) tunnel(w http.ResponseWriter, r *http.Request) {
	there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", p.to)
	if err != nil {
		http.Error(w, "away", http.StatusBadGateway)
		return
	}
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = there.Close()
		return
	}
	_, err = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	var once sync.Once
	end := func() { once.Do(func() { _ = errors.Join(here.Close(), there.Close()) }) }
	if err != nil {
		end()
		return
	}
	for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
		p.open.Go(func() {
			defer end()
			_, _ = io.Copy(way[0], way[1]) // either end may go at any time
		})
	}
}

// TestSystemdCredential: keys come from the folder that the service manager
// names, and others put there later are used without a restart.
func TestSystemdCredential(t *testing.T) {
	t.Parallel()
	s := netBucket(t, testbench.S3Options{})
	dir := t.TempDir()
	keys := func(id, secret string) {
		t.Helper()
		text := "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = " + secret + "\n"
		fresh := filepath.Join(dir, "new")
		if err := errors.Join(os.WriteFile(fresh, []byte(text), 0o440), os.Rename(fresh, filepath.Join(dir, "s3"))); err != nil {
			t.Fatal(err)
		}
	}
	d := netNew(t, testbench.Build(t), netStores(netStore("one", s.URL("evidence", "keys"), "credentials: s3")), "CREDENTIALS_DIRECTORY="+dir)
	p := d.daemon()
	cam, files := netClips(t, 2, 20_000, 1)
	d.wants(ingest.StateRecorded, "1s", cam, files)
	d.alarmed("credentials file", "store_denied")
	keys(s.AccessKey, "not-the-secret")
	d.alarmed("put working keys where the dock reads them", "store_denied")
	keys(s.AccessKey, s.SecretKey)
	d.drained()
	d.stop(p)
	d.verified(files...)
	d.once(s, "evidence/keys", []string{"one"}, files...)
}
