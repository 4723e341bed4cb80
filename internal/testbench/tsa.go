package testbench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// The faults of a time-stamp authority.
const (
	TSADown    = "down"    // ends the connection without a word
	TSASlow    = "slow"    // takes the request and does not answer
	TSAError   = "500"     // an error of the server
	TSAPage    = "page"    // what a captive portal says
	TSANonce   = "nonce"   // a stamp over the right bytes for another request
	TSADigest  = "digest"  // a stamp over other bytes
	TSAExpired = "expired" // a stamp by a certificate that has ended
	TSAHuge    = "huge"    // more bytes than any reply has
	TSARefuses = "refuses" // a reply that says no
)

// TSA is a time-stamp authority: `openssl ts` behind an HTTP server on loopback.
type TSA struct {
	URL   string
	Roots string // file of the certificate that its own leads to, PEM

	t      testing.TB
	dir    string
	server *httptest.Server
	ended  chan struct{}
	met    chan struct{}

	mu    sync.Mutex // one openssl at a time: it counts serial numbers in a file
	fault string
	fired map[string]int
	asked int
}

// NewTSA makes an authority whose certificate ends in so many days.
func NewTSA(t testing.TB, days int) *TSA {
	t.Helper()
	a := &TSA{t: t, dir: t.TempDir(), ended: make(chan struct{}), met: make(chan struct{}, 1), fired: map[string]int{}}
	a.Roots = a.path("root.pem")
	a.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", a.path("root.key"), "-out", a.Roots, "-subj", "/CN=Testbench root", "-days", "3650")
	a.issue("tsa", days)
	a.issue(TSAExpired, -1)
	a.write("serial", "01\n")
	a.write("tsa.cnf", `[tsa]
default_tsa = main
[main]
serial = `+a.path("serial")+`
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.5
digests = sha256, sha384, sha512
signer_digest = sha256
accuracy = secs:1, millisecs:500
ordering = no
tsa_name = yes
ess_cert_id_alg = sha256
`)
	a.server = httptest.NewServer(a)
	a.URL = a.server.URL
	t.Cleanup(func() {
		close(a.ended)
		a.server.Close()
	})
	return a
}

// Break has each request from now on meet a fault; "" mends it.
func (a *TSA) Break(fault string) {
	a.mu.Lock()
	a.fault = fault
	a.mu.Unlock()
}

// Fired is how often a fault was met.
func (a *TSA) Fired(fault string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fired[fault]
}

// Met tells when a fault was met since it told so last.
func (a *TSA) Met() <-chan struct{} { return a.met }

// Asked is how many requests came.
func (a *TSA) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// ServeHTTP answers as RFC 3161 section 3.4 wants it.
func (a *TSA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "no query", http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	a.asked++
	fault := a.fault
	if fault != "" {
		a.fired[fault]++
	}
	a.mu.Unlock()
	if fault != "" {
		select {
		case a.met <- struct{}{}:
		default:
		}
	}
	switch fault {
	case TSADown:
		panic(http.ErrAbortHandler)
	case TSASlow:
		select {
		case <-r.Context().Done():
		case <-a.ended:
		}
	case TSAError:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case TSAPage:
		_, _ = io.WriteString(w, "<html>Please log in")
	case TSAHuge:
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(bytes.Repeat([]byte{0x30}, 1<<20))
	default:
		reply, err := a.reply(query, fault)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(reply)
	}
}

// Reply is the reply to a query, DER, without the server.
func (a *TSA) Reply(query []byte, fault string) []byte {
	a.t.Helper()
	reply, err := a.reply(query, fault)
	if err != nil {
		a.t.Fatal(err)
	}
	return reply
}

func (a *TSA) reply(query []byte, fault string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	in, out, signer := a.path("query"), a.path("reply"), "tsa"
	if err := os.WriteFile(in, query, 0o600); err != nil {
		return nil, err
	}
	var args []string
	switch fault {
	case TSAExpired:
		signer = fault
	case TSANonce:
		digest, err := digestIn(query)
		if err != nil {
			return nil, err
		}
		args = []string{"-digest", fmt.Sprintf("%x", digest)}
	case TSADigest:
		args = []string{"-data", a.Roots}
	case TSARefuses:
		args = []string{"-data", a.Roots, "-tspolicy", "1.2.3.4.999"}
	}
	if args != nil {
		if err := openssl(append([]string{"ts", "-query", "-sha256", "-cert", "-out", in}, args...)...); err != nil {
			return nil, err
		}
	}
	if err := openssl("ts", "-reply", "-config", a.path("tsa.cnf"), "-queryfile", in, "-chain", a.Roots,
		"-signer", a.path(signer+".pem"), "-inkey", a.path(signer+".key"), "-out", out); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// digestIn finds the SHA-256 of a query: the only octet string of 32 bytes.
func digestIn(query []byte) ([]byte, error) {
	i := bytes.Index(query, []byte{4, 32})
	if i < 0 || len(query) < i+34 {
		return nil, fmt.Errorf("no digest in %x", query)
	}
	return query[i+2 : i+34], nil
}

// issue makes a certificate with its key.
func (a *TSA) issue(name string, days int) {
	a.write(name+".ext", "extendedKeyUsage=critical,timeStamping\n")
	a.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", a.path(name+".key"), "-out", a.path(name+".csr"), "-subj", "/CN=Testbench time "+name)
	a.openssl("x509", "-req", "-in", a.path(name+".csr"), "-CA", a.Roots, "-CAkey", a.path("root.key"), "-CAcreateserial",
		"-days", strconv.Itoa(days), "-extfile", a.path(name+".ext"), "-out", a.path(name+".pem"))
}

func (a *TSA) path(name string) string { return filepath.Join(a.dir, name) }

func (a *TSA) write(name, text string) {
	a.t.Helper()
	if err := os.WriteFile(a.path(name), []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *TSA) openssl(args ...string) {
	a.t.Helper()
	if err := openssl(args...); err != nil {
		a.t.Fatal(err)
	}
}

func openssl(args ...string) error {
	if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("openssl %s: %w: %s", args[0], err, out)
	}
	return nil
}
