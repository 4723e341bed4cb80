package testbench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// echo answers each request with the bytes it was given, and keeps count.
type echo struct {
	mu   sync.Mutex
	got  []int // bytes of each whole request
	torn int   // requests that broke off
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.torn++
		return
	}
	e.got = append(e.got, len(b))
	if len(b) == 0 {
		b = []byte("0123456789")
	}
	w.Header().Set("X-Amz-Checksum-Crc32", "AAAAAA==-3")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
}

func (e *echo) counts() (whole, torn int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.got), e.torn
}

// until waits for a condition that nobody announces.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(Patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not in %v: %s", Patience, what)
		}
	}
}

// ask sends one request and gives status, body and what went wrong.
func ask(c *http.Client, method, url, body string) (status int, got string, header http.Header, err error) {
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), res.Header, err
}

type wireCase struct {
	name   string
	fault  WireFault
	method string
	body   string
	status int    // 0: no answer at all
	want   string // in the body
	err    error  // of the request or of reading its answer
	whole  int    // requests that reached the server
}

// fired is how often the fault acts on one request.
func (c *wireCase) fired() int {
	if c.name == "none" {
		return 0
	}
	return 1
}

// wireCases hold for a Wire and for a Relay alike.
var wireCases = []wireCase{
	{"none", WireFault{Kind: Latency, Method: "PUT"}, "GET", "", 200, "0123456789", nil, 1},
	{"refused", WireFault{Kind: Refused}, "PUT", "hello", 503, "<Code>SlowDown</Code>", nil, 0},
	{"refused with 429", WireFault{Kind: Refused, Status: 429}, "PUT", "hello", 429, "<Code>TooManyRequests</Code>", nil, 0},
	{"error in a 200", WireFault{Kind: Refused, Status: 200, Part: "uploadId="}, "POST", "hello", 200, "<Code>InternalError</Code>", nil, 0},
	{"other code", WireFault{Kind: Refused, Status: 403, Code: "ExpiredToken"}, "GET", "", 403, "<Code>ExpiredToken</Code>", nil, 0},
	{"head", WireFault{Kind: Refused, Status: 500}, "HEAD", "", 500, "", nil, 0},
	{"lost", WireFault{Kind: LostReply}, "PUT", "hello", 0, "", syscall.ECONNRESET, 1},
	{"lost in an error", WireFault{Kind: LostReply, Status: 500}, "PUT", "hello", 500, "<Code>InternalError</Code>", nil, 1},
	{"request without body reset", WireFault{Kind: ResetRequest}, "GET", "", 0, "", syscall.ECONNRESET, 0},
	{"cut", WireFault{Kind: CutReply, N: 3}, "GET", "", 200, "012", io.ErrUnexpectedEOF, 1},
	{"cut in half", WireFault{Kind: CutReply}, "GET", "", 200, "01234", io.ErrUnexpectedEOF, 1},
	{"short", WireFault{Kind: ShortReply, N: 4}, "GET", "", 200, "0123", nil, 1},
	{"long", WireFault{Kind: LongReply, N: 2}, "GET", "", 200, "0123456789++", nil, 1},
	{"flipped", WireFault{Kind: FlippedReply, N: 1}, "GET", "", 200, "0023456789", nil, 1},
	{"flipped request", WireFault{Kind: FlippedRequest, N: 1}, "PUT", "0123456789", 200, "0023456789", nil, 1},
	{"late", WireFault{Kind: Latency, Delay: time.Millisecond}, "GET", "", 200, "0123456789", nil, 1},
}

func TestWireFaults(t *testing.T) {
	for _, tt := range wireCases {
		t.Run(tt.name, func(t *testing.T) {
			e := &echo{}
			server := httptest.NewServer(e)
			defer server.Close()
			w := NewWire(&http.Transport{}, tt.fault)
			defer w.CloseIdleConnections()
			status, body, _, err := ask(&http.Client{Transport: w}, tt.method, server.URL+"/key?uploadId=1", tt.body)
			whole, _ := e.counts()
			if status != tt.status || !strings.Contains(body, tt.want) || !errors.Is(err, tt.err) || whole != tt.whole {
				t.Errorf("%d %q, %v; %d reached the server", status, body, err, whole)
			}
			if strings.HasPrefix(tt.want, "0") && body != tt.want {
				t.Errorf("body %q, want %q", body, tt.want)
			}
			if w.Passed("", "/key") != tt.whole {
				t.Errorf("%d requests passed", w.Passed("", "/key"))
			}
			if want := tt.fired(); w.Fired(tt.fault.Kind) != want {
				t.Errorf("fired %d times, want %d", w.Fired(tt.fault.Kind), want)
			}
		})
	}
}

func TestWireLostReplyIsWhole(t *testing.T) {
	sent := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 32<<20)) // more than the kernel takes
		sent <- err
	}))
	defer server.Close()
	w := NewWire(&http.Transport{}, WireFault{Kind: LostReply})
	defer w.CloseIdleConnections()
	if _, _, _, err := ask(&http.Client{Transport: w}, "GET", server.URL, ""); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	if err := <-sent; err != nil {
		t.Errorf("the server was kept from answering in full: %v", err)
	}
}

func TestWireResetRequest(t *testing.T) {
	e := &echo{}
	server := httptest.NewServer(e)
	defer server.Close()
	w := NewWire(&http.Transport{}, WireFault{Kind: ResetRequest})
	defer w.CloseIdleConnections()
	_, _, _, err := ask(&http.Client{Transport: w}, "PUT", server.URL, strings.Repeat("x", 1<<20))
	if !errors.Is(err, syscall.ECONNRESET) || w.Fired(ResetRequest) != 1 || w.Passed("PUT", "") != 1 {
		t.Errorf("%v, fired %d times", err, w.Fired(ResetRequest))
	}
	until(t, "the server sees a torn request", func() bool {
		whole, torn := e.counts()
		return whole == 0 && torn == 1
	})
}

func TestWireChecksum(t *testing.T) {
	w := NewWire(roundTrip(func(r *http.Request) *http.Response {
		res := plainAnswer(r, 200, "text/plain", "x")
		if r.Method == "PUT" {
			res.Header.Set("X-Amz-Checksum-Crc32", "AAAAAA==-3")
			res.Header.Set("X-Amz-Checksum-Type", "COMPOSITE")
		}
		return res
	}), WireFault{Kind: WrongChecksum})
	_, body, h, err := ask(&http.Client{Transport: w}, "PUT", "http://server/", "x")
	if err != nil || body != "x" || h.Get("X-Amz-Checksum-Crc32") != "AQAAAA==-3" || h.Get("X-Amz-Checksum-Type") != "COMPOSITE" {
		t.Errorf("%v, %q, %v", err, body, h)
	}
	_, _, h, err = ask(&http.Client{Transport: w}, "GET", "http://server/", "")
	if err != nil || len(h.Get("X-Amz-Checksum-Crc64nvme")) != 12 || w.Fired(WrongChecksum) != 2 {
		t.Errorf("%v, %v, fired %d times", err, h, w.Fired(WrongChecksum))
	}
}

type roundTrip func(r *http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), unsent(r, nil) }

func TestWireProgramme(t *testing.T) {
	w := NewWire(roundTrip(func(r *http.Request) *http.Response { return plainAnswer(r, 200, "text/plain", "x") }))
	c := &http.Client{Transport: w}
	run := func() (line string) {
		for i := range 12 {
			method := []string{"GET", "PUT"}[i%2]
			status, _, _, err := ask(c, method, "http://server/key?part="+strconv.Itoa(i), "")
			if err != nil {
				t.Fatal(err)
			}
			line += map[int]string{200: ".", 503: "x", 500: "d"}[status]
		}
		return line
	}
	done := 0
	w.Inject(WireFault{Kind: Refused, Method: "PUT", After: 1, Times: 2, Do: func() { done++ }}, WireFault{Kind: Refused, Status: 500, Part: "part=11"})
	if got := run(); got != "...x.x.....d" || done != 2 || w.Fired(Refused) != 3 {
		t.Errorf("%s, %d calls, fired %d times", got, done, w.Fired(Refused))
	}
	w.Await(t, Refused, 3)
	if got := w.Passed("PUT", "part="); got != 3 {
		t.Errorf("%d PUTs passed", got)
	}
	w.Heal(Refused)
	if got := run(); strings.Trim(got, ".") != "" {
		t.Errorf("healed: %s", got)
	}
	w.Inject(WireFault{Kind: Refused, Chance: 0.5})
	w.Seed(7)
	one := run()
	w.Seed(7)
	two := run()
	w.Seed(8)
	if three := run(); one != two || one == three || !strings.Contains(one, "x") || !strings.Contains(one, ".") {
		t.Errorf("seed 7: %s and %s; seed 8: %s", one, two, three)
	}
}

func TestWireS3(t *testing.T) {
	s := S3(t, S3Options{})
	s.MakeBucket("bucket", true)
	o := s.clientOptions()
	w := NewWire(o.Transport, WireFault{Kind: LostReply, Method: "PUT", Part: "/bucket/key", Times: 1})
	o.Transport = w
	c, err := minio.NewCore(s.addr(), o)
	if err != nil {
		t.Fatal(err)
	}
	b := noise(t, 100_000)
	_, err = c.PutObject(t.Context(), "bucket", "key", bytes.NewReader(b), int64(len(b)), "", "", minio.PutObjectOptions{})
	if !errors.Is(err, syscall.ECONNRESET) || w.Fired(LostReply) != 1 {
		t.Errorf("%v, fired %d times", err, w.Fired(LostReply))
	}
	if got, err := get(c, "bucket", "key", ""); err != nil || !bytes.Equal(got, b) {
		t.Errorf("what was reported failed was not applied: %d bytes, %v", len(got), err)
	}
}
