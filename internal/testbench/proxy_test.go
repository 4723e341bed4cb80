package testbench

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// relay is a proxy before an echo server, and a client of its own.
func relay(t *testing.T) (*Relay, *echo, *http.Client) {
	t.Helper()
	e := &echo{}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return Proxy(t, server.URL), e, c
}

func TestProxyFaults(t *testing.T) {
	for _, tt := range wireCases {
		t.Run(tt.name, func(t *testing.T) {
			p, e, c := relay(t)
			p.Inject(tt.fault)
			status, body, _, err := ask(c, tt.method, p.URL+"/key?uploadId=1", tt.body)
			// A reset may overtake the reading of what came before it.
			broke := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF)
			whole, _ := e.counts()
			if status != tt.status || !strings.Contains(body, tt.want) || broke != (tt.err != nil) || (err != nil) != broke || whole != tt.whole {
				t.Errorf("%d %q, %v; %d reached the server", status, body, err, whole)
			}
			if strings.HasPrefix(tt.want, "0") && body != tt.want {
				t.Errorf("body %q, want %q", body, tt.want)
			}
			if want := tt.fired(); p.Fired(tt.fault.Kind) != want {
				t.Errorf("fired %d times, want %d", p.Fired(tt.fault.Kind), want)
			}
		})
	}
}

func TestProxyResetRequest(t *testing.T) {
	p, e, c := relay(t)
	p.Inject(WireFault{Kind: ResetRequest, N: 1000, Times: 1})
	if _, _, _, err := ask(c, "PUT", p.URL, strings.Repeat("x", 1<<20)); err == nil || p.Fired(ResetRequest) != 1 {
		t.Errorf("%v, fired %d times", err, p.Fired(ResetRequest))
	}
	if status, _, _, err := ask(c, "PUT", p.URL, "hello"); status != 200 || err != nil {
		t.Errorf("afterwards: %d, %v", status, err)
	}
	if whole, _ := e.counts(); whole != 1 {
		t.Errorf("%d whole requests reached the server", whole)
	}
}

func TestProxyS3(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := S3(t, S3Options{Kind: kind})
			s.MakeBucket("bucket", false)
			p := Proxy(t, s.Endpoint())
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			c, err := minio.NewCore(strings.TrimPrefix(p.URL, "http://"), &minio.Options{
				Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: "us-east-1", Transport: transport, MaxRetries: 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			b := noise(t, 1<<20)
			put(t, c, "bucket", "a b/ü+%/key", b, minio.PutObjectOptions{})
			if got, err := get(c, "bucket", "a b/ü+%/key", ""); err != nil || !bytes.Equal(got, b) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			p.Inject(WireFault{Kind: Refused})
			if _, err := get(c, "bucket", "a b/ü+%/key", ""); minio.ToErrorResponse(err).Code != "SlowDown" {
				t.Error(err)
			}
			if p.Passed("PUT", "/bucket/a%20b/") != 1 {
				t.Error("the PUT was not counted")
			}
		})
	}
}

func TestProxyPortal(t *testing.T) {
	p, e, c := relay(t)
	tests := []struct {
		page   Page
		status int
	}{{WelcomePage, 200}, {LoginPage, 302}, {DeniedPage, 403}}
	for _, tt := range tests {
		p.Portal(tt.page)
		for _, method := range []string{"GET", "PUT", "HEAD"} {
			status, _, h, err := ask(c, method, p.URL+"/key", "")
			if status != tt.status || !strings.HasPrefix(h.Get("Content-Type"), "text/html") || err != nil {
				t.Errorf("%s: %s gives %d, %v, %v", tt.page, method, status, h, err)
			}
			if to := h.Get("Location"); (to != "") != (tt.page == LoginPage) {
				t.Errorf("%s leads to %q", tt.page, to)
			}
		}
	}
	p.Portal(LoginPage)
	c.CheckRedirect = nil
	if status, body, _, err := ask(c, "GET", p.URL+"/key", ""); status != 200 || !strings.Contains(body, "sign in") || err != nil {
		t.Errorf("the login page: %d, %q, %v", status, body, err)
	}
	if whole, _ := e.counts(); whole != 0 || p.Fired(Captured) != 11 {
		t.Errorf("%d requests reached the server, %d were captured", whole, p.Fired(Captured))
	}
	p.Portal(NoPage)
	if _, body, _, err := ask(c, "GET", p.URL, ""); body != "0123456789" || err != nil {
		t.Errorf("without portal: %q, %v", body, err)
	}
}

func TestProxyDate(t *testing.T) {
	p, _, c := relay(t)
	p.ShiftDate(-20 * time.Minute)
	_, _, h, err := ask(c, "GET", p.URL, "")
	at, bad := http.ParseTime(h.Get("Date"))
	if off := time.Until(at); err != nil || bad != nil || off > -19*time.Minute || off < -21*time.Minute || p.Fired(Shifted) != 1 {
		t.Errorf("%v, %v, off by %v", err, bad, off)
	}
}

func TestProxyRefuse(t *testing.T) {
	p, _, c := relay(t)
	p.Refuse(true)
	p.Refuse(true)
	if _, _, _, err := ask(c, "GET", p.URL, ""); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refused: %v", err)
	}
	p.Refuse(false)
	p.Refuse(false)
	if status, _, _, err := ask(c, "GET", p.URL, ""); status != 200 || err != nil {
		t.Errorf("open again: %d, %v", status, err)
	}
}

func TestProxyCut(t *testing.T) {
	p, _, c := relay(t)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 15)); err != nil {
		t.Fatal(err)
	}
	if n := p.Cut(); n != 1 || p.Fired(Cut) != 1 {
		t.Errorf("%d connections cut", n)
	}
	if _, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a cut connection: %v", err)
	}
	if n := p.Cut(); n != 0 {
		t.Errorf("%d connections cut again", n)
	}
	if status, _, _, err := ask(c, "GET", p.URL, ""); status != 200 || err != nil {
		t.Errorf("a new connection: %d, %v", status, err)
	}
}

func TestProxyStall(t *testing.T) {
	p, e, c := relay(t)
	if status, _, _, err := ask(c, "GET", p.URL, ""); status != 200 || err != nil {
		t.Fatal(status, err) // leaves a connection that stands
	}
	p.Stall(true)
	c.Timeout = 50 * time.Millisecond // ample for what goes through
	for _, c := range []*http.Client{c, {Transport: &http.Transport{DisableKeepAlives: true}, Timeout: c.Timeout}} {
		before := p.Fired(Stalled)
		if status, _, _, err := ask(c, "GET", p.URL, ""); err == nil || p.Fired(Stalled) == before {
			t.Errorf("through a black hole: %d", status)
		}
	}
	if whole, _ := e.counts(); whole != 1 {
		t.Errorf("%d requests passed the black hole", whole-1)
	}
	// What is held comes when the line opens.
	c.Timeout = 0
	done := make(chan error, 1)
	before := p.Fired(Stalled)
	go func() {
		_, _, _, err := ask(c, "GET", p.URL, "")
		done <- err
	}()
	p.Await(t, Stalled, before+1)
	p.Stall(false)
	if err := <-done; err != nil {
		t.Error(err)
	}
	// One that is held must not hold the end of the test.
	p.Stall(true)
	c.Timeout = 20 * time.Millisecond
	if _, _, _, err := ask(c, "GET", p.URL, ""); err == nil {
		t.Error("an answer through a black hole")
	}
}

// TestProxyCarried: what passed is known by request, with what made it fail.
func TestProxyCarried(t *testing.T) {
	p, _, c := relay(t)
	p.Inject(WireFault{Kind: LostReply, Method: "PUT", Part: "/two", Times: 1}, WireFault{Kind: Refused, Part: "/three", Times: 1})
	for _, path := range []string{"/one", "/two", "/two", "/three"} {
		_, _, _, _ = ask(c, "PUT", p.URL+path, strings.Repeat("x", 3000)) // what came of it is asked for below
	}
	_, _, _, _ = ask(c, "GET", p.URL+"/four?x=1", "")
	got := p.Carried()
	for i := range got {
		if got[i].Fault == Refused {
			got[i].Body = 0 // the server may have read it ahead
		}
	}
	want := []Carriage{
		{"PUT", "/one", 3000, ""}, {"PUT", "/two", 3000, LostReply}, {"PUT", "/two", 3000, ""}, {"PUT", "/three", 0, Refused}, {"GET", "/four?x=1", 0, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if up, down := p.Moved(); up < 4*3000 || up > 15_000 || down < 2*3000 || down > 10_000 {
		t.Errorf("%d bytes up, %d down", up, down)
	}
}

func TestProxyThrottle(t *testing.T) {
	p, _, c := relay(t)
	body := strings.Repeat("x", 100_000)
	p.Throttle(500_000)
	began := time.Now()
	if _, got, _, err := ask(c, "PUT", p.URL, body); got != body || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	// Up and down overlap little: the echo begins after the end.
	if took := time.Since(began); took < 300*time.Millisecond || p.Fired(Slowed) == 0 {
		t.Errorf("took %v, delayed %d times", took, p.Fired(Slowed))
	}
	// Waiting ends with the limit, and with the connection.
	p.Throttle(1000)
	done := make(chan error, 1)
	before := p.Fired(Slowed)
	go func() {
		_, _, _, err := ask(c, "PUT", p.URL, body)
		done <- err
	}()
	p.Await(t, Slowed, before+2)
	p.Throttle(0)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
