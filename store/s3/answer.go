package s3

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/custodock/custodock/store"
)

// watch looks at every answer before it is believed: what its clock says, and
// whether a store gave it.
type watch struct {
	next http.RoundTripper
	now  func() time.Time

	ahead atomic.Int64 // nanoseconds of the server's clock before ours, at the last answer that told
	told  atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (w *watch) RoundTrip(req *http.Request) (*http.Response, error) {
	before := w.now()
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	w.readClock(resp.Header, before, w.now())
	if s := strangeness(resp); s != nil {
		_ = resp.Body.Close()
		return nil, s
	}
	return resp, nil
}

// readClock compares the Date of an answer with the middle of its request. One
// that was a long time under way, or was kept by a proxy, tells little.
func (w *watch) readClock(h http.Header, before, after time.Time) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" || after.Sub(before) > time.Minute {
		return
	}
	// The header has whole seconds: on average half of one has passed.
	middle := before.Add(after.Sub(before) / 2)
	w.ahead.Store(int64(date.Add(time.Second / 2).Sub(middle)))
	w.told.Store(true)
}

// skew is how far the server's clock is before ours.
func (w *watch) skew() (time.Duration, bool) {
	return time.Duration(w.ahead.Load()), w.told.Load()
}

// strangerError is an answer that no store gave.
type strangerError struct {
	what      string
	temporary bool
}

func (e *strangerError) Error() string {
	return fmt.Sprintf("%v: %s; sign in to the network, or correct endpoint and proxy", store.ErrStranger, e.what)
}

func (e *strangerError) Unwrap() error { return store.ErrStranger }

// strangeness tells the pages of captive portals and proxies from answers of a
// store, which carry an x-amz header or are no HTML.
func strangeness(resp *http.Response) *strangerError {
	for key := range resp.Header {
		if strings.HasPrefix(key, "X-Amz-") && key != "X-Amz-Cf-Id" && key != "X-Amz-Cf-Pop" { // CloudFront adds those to any page
			return nil
		}
	}
	temporary := resp.StatusCode >= 500 && resp.StatusCode != http.StatusNetworkAuthenticationRequired || resp.StatusCode == http.StatusTooManyRequests
	kind, _, _ := strings.Cut(strings.ToLower(resp.Header.Get("Content-Type")), ";")
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.StatusCode != http.StatusNotModified:
		to := "elsewhere"
		if u, err := url.Parse(resp.Header.Get("Location")); err == nil && u.Host != "" {
			to = fmt.Sprintf("to %q", short(u.Host))
		}
		return &strangerError{what: fmt.Sprintf("it sends us %s (status %d)", to, resp.StatusCode)}
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return &strangerError{what: "the proxy wants a password (status 407)"}
	case resp.StatusCode == http.StatusNetworkAuthenticationRequired, strings.TrimSpace(kind) == "text/html":
		return &strangerError{what: fmt.Sprintf("a web page (status %d)", resp.StatusCode), temporary: temporary}
	}
	return nil
}
