package testbench

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// The faults of a whole line, counted by Fired as the others are. Refuse is not
// among them: of a connection that the kernel refuses nobody here hears.
const (
	Stalled  WireKind = "stalled"   // a read or a write was held by Stall
	Cut      WireKind = "cut"       // a connection was broken by Cut
	Captured WireKind = "captured"  // Portal answered
	Slowed   WireKind = "throttled" // a read or a write was delayed by Throttle
	Shifted  WireKind = "shifted"   // ShiftDate changed an answer
)

// Page is what a captive portal says to every request.
type Page string

// The pages; NoPage is an open line.
const (
	NoPage      Page = ""
	WelcomePage Page = "welcome"   // 200 and HTML
	LoginPage   Page = "login"     // 302 to a page that answers 200 and HTML
	DeniedPage  Page = "forbidden" // 403 and HTML
)

// Relay is a proxy before an S3 server that programs are pointed at instead.
// Its HTTP faults are those of Wire. Faults can be switched while it runs.
type Relay struct {
	*wireFaults
	URL string // "http://127.0.0.1:PORT"

	t     testing.TB
	wire  *Wire
	line  *line
	proxy *httputil.ReverseProxy

	mu    sync.Mutex
	page  Page
	shift time.Duration
}

// Proxy starts a relay to an S3 server, such as S3Server.Endpoint, which ends
// with the test. A client signs for the relay's address, so requests go on with
// the Host they came with.
func Proxy(t testing.TB, target string) *Relay {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil || to.Scheme != "http" {
		t.Fatalf("relay to %q: want an http URL (%v)", target, err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
	p := &Relay{t: t, wire: NewWire(transport)}
	p.wireFaults = p.wire.wireFaults
	p.line = newLine(t, p.count)
	p.URL = "http://" + p.line.addr.String()
	quiet := log.New(io.Discard, "", 0)
	p.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			r.Out.Body = sized(r.Out.Body, r.Out.ContentLength)
		},
		Transport: p.wire, ModifyResponse: p.shifted, ErrorHandler: broken,
		FlushInterval: -1, ErrorLog: quiet,
	}
	stop := serve(t, &http.Server{Handler: p, ErrorLog: quiet}, p.line)
	t.Cleanup(func() {
		stop()
		transport.CloseIdleConnections()
	})
	return p
}

// serve runs a server until the returned function has ended it with all its
// connections and handlers.
func serve(t testing.TB, server *http.Server, l net.Listener) (stop func()) {
	var conns sync.WaitGroup
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew: // reported before Serve takes the next one
			conns.Add(1)
		case http.StateClosed, http.StateHijacked:
			conns.Done()
		}
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	return func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("relay: %v", err)
		}
		conns.Wait()
	}
}

// sized ends a body of known length by itself. The transport looks for bytes
// after the last one, and by then a fast answer may have closed the request.
func sized(body io.ReadCloser, length int64) io.ReadCloser {
	if length <= 0 {
		return body
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(body, length), body}
}

// broken tells the client what the line did: a reset, and no answer at all.
func broken(w http.ResponseWriter, _ *http.Request, _ error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	conn.(*lineConn).reset()
}

// ServeHTTP carries one request, or answers as a portal.
func (p *Relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	page := p.page
	p.mu.Unlock()
	if page == NoPage {
		p.proxy.ServeHTTP(w, r)
		return
	}
	p.count(Captured)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	status := http.StatusOK
	switch {
	case page == LoginPage && r.URL.Path != "/login":
		w.Header().Set("Location", p.URL+"/login")
		status = http.StatusFound
	case page == DeniedPage:
		status = http.StatusForbidden
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<!doctype html><title>Network</title><p>Please sign in.</p>\n")
}

func (p *Relay) shifted(res *http.Response) error {
	p.mu.Lock()
	by := p.shift
	p.mu.Unlock()
	if by == 0 {
		return nil
	}
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		at = time.Now()
	}
	res.Header.Set("Date", at.Add(by).UTC().Format(http.TimeFormat))
	p.count(Shifted)
	return nil
}

// Portal lets a captive portal answer everything, NoPage nothing.
func (p *Relay) Portal(page Page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.page = page
}

// ShiftDate moves the Date of the server's answers; 0 leaves it alone.
func (p *Relay) ShiftDate(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shift = by
}

// Refuse closes the port, so that new connections are refused, or opens it
// again. Those that stand go on: Cut breaks them.
func (p *Relay) Refuse(on bool) {
	p.t.Helper()
	if err := p.line.refuse(on); err != nil {
		p.t.Fatal(err)
	}
}

// Stall makes the line a black hole, or opens it: connections are accepted and
// stand, but not a byte moves.
func (p *Relay) Stall(on bool) { p.line.stall(on) }

// Throttle limits what all connections carry together, in bytes a second each
// way; 0 takes the limit away.
func (p *Relay) Throttle(rate int64) { p.line.throttle(rate) }

// Moved is how many bytes have gone to the server and back, headers among them.
func (p *Relay) Moved() (up, down int64) {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	return p.line.moved[upwards], p.line.moved[downwards]
}

// Cut resets every connection that stands now and says how many there were.
func (p *Relay) Cut() int { return p.line.cut() }
