package outside

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// tsa is a time-stamp authority of openssl's, behind HTTP on loopback.
type tsa struct {
	url   string
	roots string // file, PEM
	t     *testing.T
	dir   string
	mu    sync.Mutex
}

func newTSA(t *testing.T) *tsa {
	t.Helper()
	a := &tsa{t: t, dir: t.TempDir()}
	a.roots = a.path("root.pem")
	a.write("ext", "extendedKeyUsage=critical,timeStamping\n")
	a.write("serial", "01\n")
	a.write("cnf", "[tsa]\ndefault_tsa = main\n[main]\nserial = "+a.path("serial")+
		"\ndefault_policy = 1.2.3.4.1\ndigests = sha256\nsigner_digest = sha256\ness_cert_id_alg = sha256\n")
	a.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", a.path("root.key"), "-out", a.roots, "-subj", "/CN=Root")
	a.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", a.path("key"), "-out", a.path("csr"), "-subj", "/CN=Time")
	a.openssl("x509", "-req", "-in", a.path("csr"), "-CA", a.roots, "-CAkey", a.path("root.key"), "-CAcreateserial", "-days", "400", "-extfile", a.path("ext"), "-out", a.path("cert"))
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL + "/"
	return a
}

// ServeHTTP stamps what it is sent.
func (a *tsa) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock() // openssl counts serial numbers in a file
	defer a.mu.Unlock()
	query, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err == nil {
		err = os.WriteFile(a.path("query"), query, 0o600)
	}
	if err == nil {
		err = exec.Command("openssl", "ts", "-reply", "-config", a.path("cnf"), "-queryfile", a.path("query"),
			"-signer", a.path("cert"), "-inkey", a.path("key"), "-out", a.path("reply")).Run()
	}
	reply, err2 := os.ReadFile(a.path("reply"))
	if err != nil || err2 != nil {
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(reply)
}

func (a *tsa) path(name string) string { return filepath.Join(a.dir, name) }

func (a *tsa) write(name, text string) {
	a.t.Helper()
	if err := os.WriteFile(a.path(name), []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *tsa) openssl(args ...string) {
	a.t.Helper()
	if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
		a.t.Fatalf("openssl %s: %v: %s", args[0], err, out)
	}
}
