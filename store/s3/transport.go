package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/configs"
)

// newTransport makes the connections of one store. HTTP/1.1 is spoken, so that
// parts travel on connections of their own and one that stalls holds up no other.
func newTransport(c configs.Store, getenv func(string) string, now func() time.Time) (*http.Transport, error) {
	tlsConfig, err := newTLS(c)
	if err != nil {
		return nil, err
	}
	proxy, err := newProxy(c.Proxy, getenv)
	if err != nil {
		return nil, err
	}
	l := newLimit(c.Bandwidth, now)
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second, Control: giveUp}
	return &http.Transport{
		Proxy: proxy,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return newConn(c, l), nil
		},
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   dialTimeout,
		TLSNextProto:          map[string]func(string, *tls.Conn) http.RoundTripper{},
		MaxIdleConnsPerHost:   mostParts + mostPuts,
		IdleConnTimeout:       stallTimeout,
		ResponseHeaderTimeout: replyTimeout,
		DisableCompression:    true, // lengths and checksums are of the bytes stored
		WriteBufferSize:       32 << 10,
		ReadBufferSize:        32 << 10,
	}, nil
}

// giveUp has the kernel end a connection whose bytes nobody acknowledges (RFC
// 5482). What fits into its buffer is written at once, so that no deadline of a
// write tells a line that is dead from a server that takes its time.
func giveUp(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stallTimeout.Milliseconds()))
	})
	return errors.Join(err, failed)
}

func newProxy(configured string, getenv func(string) string) (func(*http.Request) (*url.URL, error), error) {
	switch configured {
	case "none":
		return nil, nil
	case "":
		env := func(upper, lower string) string {
			if v := getenv(upper); v != "" {
				return v
			}
			return getenv(lower)
		}
		of := (&httpproxy.Config{
			HTTPProxy: env("HTTP_PROXY", "http_proxy"), HTTPSProxy: env("HTTPS_PROXY", "https_proxy"), NoProxy: env("NO_PROXY", "no_proxy"),
		}).ProxyFunc()
		return func(r *http.Request) (*url.URL, error) { return of(r.URL) }, nil
	}
	u, err := url.Parse(configured)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("the proxy is malformed; write http://host:port without a password, or none")
	}
	return http.ProxyURL(u), nil
}

func newTLS(c configs.Store) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read ca: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca %q holds no certificate; name a PEM file", c.CA)
		}
	}
	if c.Cert != "" {
		own := &certificate{cert: c.Cert, key: c.CertKey}
		if _, err := own.current(nil); err != nil {
			return nil, err
		}
		t.GetClientCertificate = own.current
	}
	return t, nil
}

// certificate is the client's, read again whenever one of its files changes.
type certificate struct {
	cert, key string

	mu       sync.Mutex
	certSeen fileState
	keySeen  fileState
	pair     *tls.Certificate
}

func (c *certificate) current(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	certInfo, err := os.Stat(c.cert)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	keyInfo, err := os.Stat(c.key)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	if keyInfo.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key %q of the client certificate can be read by others (mode %04o); run: chmod 600 %q", c.key, keyInfo.Mode().Perm(), c.key)
	}
	certNow, keyNow := stateOf(certInfo), stateOf(keyInfo)
	if c.pair != nil && certNow == c.certSeen && keyNow == c.keySeen {
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		if c.pair != nil { // one file of the new pair is not there yet
			return c.pair, nil
		}
		return nil, fmt.Errorf("client certificate %q with key %q: %w", c.cert, c.key, err)
	}
	c.pair, c.certSeen, c.keySeen = &pair, certNow, keyNow
	return c.pair, nil
}
