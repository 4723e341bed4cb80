package s3

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

// anyKeys are good enough for servers that look at none.
func anyKeys(key string) string {
	return map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hidden-secret"}[key]
}

func fakeOptions(endpoint string) Options {
	return Options{
		Store:  configs.Store{Name: "central", URL: testbench.StoreURL(endpoint, "evidence", "dock")},
		Getenv: anyKeys,
	}
}

// fake is a server that answers what a test says.
func fake(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server
}

// unopened is a store that has not asked whether its bucket is there.
func unopened(t *testing.T, endpoint string) *Store {
	t.Helper()
	ready := fake(t, func(w http.ResponseWriter, _ *http.Request) { emptyList(w) })
	o := fakeOptions(endpoint)
	to, err := url.Parse(ready.URL)
	if err != nil {
		t.Fatal(err)
	}
	opened := false
	o.Store.Lock = configs.LockNone
	o.Transport = func(next http.RoundTripper) http.RoundTripper {
		return carrierFunc(func(req *http.Request) (*http.Response, error) {
			if !opened {
				req = req.Clone(req.Context())
				req.URL.Host = to.Host
			}
			return next.RoundTrip(req)
		})
	}
	s := open(t, o)
	opened = true
	return s
}

func emptyList(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	_, _ = fmt.Fprint(w, `<ListBucketResult><Name>evidence</Name><KeyCount>0</KeyCount></ListBucketResult>`)
}

// everything calls each method once.
func everything(t *testing.T, s *Store) map[string]error {
	t.Helper()
	ctx := t.Context()
	errs := map[string]error{}
	_, errs["put"] = s.Put(ctx, storetest.Object(t, []byte("clip")))
	_, errs["put of parts"] = s.Put(ctx, storetest.Object(t, make([]byte, storetest.PartSize+1)))
	_, errs["create"] = s.Create(ctx, "log/a/key", []byte("key"))
	_, errs["replace"] = s.Replace(ctx, "log/a/checkpoint", []byte("note"), "")
	_, errs["stat"] = s.Stat(ctx, "log/a/key", "")
	_, errs["open"] = s.Open(ctx, "log/a/key", "")
	for _, err := range s.List(ctx, "") {
		errs["list"] = err
	}
	_, errs["bucket"] = s.Bucket(ctx)
	_, errs["rights"] = s.MayDelete(ctx)
	_, errs["reap"] = s.Reap(ctx)
	return errs
}

// TestStrangers lets others answer in the place of a store. Nothing they say
// counts as success.
func TestStrangers(t *testing.T) {
	page := `<!doctype html><html><head><title>EOF Login</title></head><body>Please sign in</body></html>`
	for what, answer := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, page) },
		"a page that forbids": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, page)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://portal.example/login", http.StatusFound)
		},
		"511": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNetworkAuthenticationRequired)
		},
		"an empty answer": func(http.ResponseWriter, *http.Request) {},
		"JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, `{"ok":true}`)
		},
		"other XML": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			_, _ = fmt.Fprint(w, `<html><body>sign in</body></html>`)
		},
		"a broken proxy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = fmt.Fprint(w, page)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 1000)
			server := fake(t, func(w http.ResponseWriter, r *http.Request) {
				select {
				case asked <- struct{}{}:
				default:
				}
				answer(w, r)
			})
			_, err := openQuickly(t, fakeOptions(server.URL))
			wantSentence(t, err, store.ErrStranger, "sign in to the network")
			for call, err := range everything(t, unopened(t, server.URL)) {
				if !errors.Is(err, store.ErrStranger) {
					t.Errorf("%s: %v, want %v", call, err, store.ErrStranger)
				}
			}
			if len(asked) == 0 {
				t.Error("the stranger was not asked")
			}
		})
	}
}

// openQuickly opens without long pauses between tries.
func openQuickly(t *testing.T, o Options) (*Store, error) {
	t.Helper()
	o.pause = time.Millisecond
	s, err := Open(t.Context(), o)
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

// TestRefusals wants one sentence with what to do for each thing that a person
// has to mend.
func TestRefusals(t *testing.T) {
	secret := "hidden-secret"
	for _, tt := range []struct {
		status     int
		code, text string
		want       error
		hint       string
	}{
		{404, "NoSuchBucket", "", store.ErrNoBucket, "create it with object lock"},
		{403, "InvalidAccessKeyId", "", store.ErrDenied, "put working keys"},
		{403, "SignatureDoesNotMatch", "", store.ErrDenied, "put working keys"},
		{400, "ExpiredToken", "", store.ErrDenied, "put working keys"},
		{403, "AccessDenied", "\x1b]52;c;eA==\x07\u202e\n<b>", store.ErrDenied, "policy"},
		{403, "RequestTimeTooSkewed", "", store.ErrSkewed, "set the clock"},
		{507, "XMinioStorageFull", "", store.ErrFull, "add room"},
		{409, "QuotaExceeded", strings.Repeat("full ", 10_000), store.ErrFull, "add room"},
		{400, "XMinioAdminBucketQuotaExceeded", "", store.ErrFull, "add room"},
		{400, "AuthorizationHeaderMalformed", "", nil, "correct region"},
		{418, "Teapot", "", nil, "Teapot"},
	} {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			server := fake(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(tt.status)
				text := new(strings.Builder)
				_, _ = fmt.Fprintf(text, "<Error><Code>%s</Code><Message>%s</Message></Error>", tt.code, strings.NewReplacer("<", "&lt;", "\x1b", "", "\x07", "").Replace(tt.text))
				_, _ = fmt.Fprint(w, text)
			})
			_, err := openQuickly(t, fakeOptions(server.URL))
			if tt.want == nil {
				tt.want = err
			}
			wantSentence(t, err, tt.want, tt.hint)
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\u202e")) {
				t.Errorf("%q shows what it must not", err)
			}
		})
	}
}

// TestSkew finds clocks apart by the Date of an answer whose error says
// something else, as that of a gateway may.
func TestSkew(t *testing.T) {
	const apart = 3 * time.Hour
	server := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-apart).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, "<Error><Code>AccessDenied</Code></Error>")
	})
	_, err := openQuickly(t, fakeOptions(server.URL))
	wantSentence(t, err, store.ErrSkewed, "by 3h0m")
	// Our clock is the wrong one here, and a store that lets us in tells by how
	// much.
	b := newBench(t, testbench.VersityGW, false, true)
	o := b.options(newPrefix(), configs.LockGovernance)
	o.Now = func() time.Time { return time.Now().Add(-apart) }
	if clock := clockOf(t, open(t, o)); (clock.ahead - apart).Abs() > clock.exact {
		t.Errorf("the clock is %s before ours, want %s", clock.ahead, apart)
	}
}

// told is how far a server's clock is before ours, and how exactly a test can know:
// the answer has whole seconds, some servers count them anew once a second, and it
// was made at some time while it was asked for.
type told struct{ ahead, exact time.Duration }

func clockOf(t *testing.T, s *Store) told {
	t.Helper()
	began := time.Now()
	info, err := s.Bucket(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return told{ahead: info.Clock, exact: 2*time.Second + time.Since(began)}
}

func TestAway(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := openQuickly(t, fakeOptions(server.URL))
	wantSentence(t, err, store.ErrAway, "check network")
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	_, err = openQuickly(t, fakeOptions(secure.URL))
	wantSentence(t, err, store.ErrStranger, "set ca")
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	_, err = openQuickly(t, fakeOptions(strings.Replace(plain.URL, "http:", "https:", 1)))
	wantSentence(t, err, store.ErrStranger, "write http://")
}

// TestAcceptedAndGone answers that a write was done, and keeps nothing of it.
func TestAcceptedAndGone(t *testing.T) {
	for what, headAnswer := range map[string]http.HandlerFunc{
		"nothing": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"other bytes": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1")
			_, _ = fmt.Fprint(w, "x")
		},
	} {
		server := fake(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				headAnswer(w, r)
			}
		})
		s := unopened(t, server.URL)
		_, err := s.Put(t.Context(), storetest.Object(t, []byte("clip")))
		wantSentence(t, err, store.ErrStranger, "was accepted")
		_, err = s.Create(t.Context(), "log/a/key", []byte("key"))
		wantSentence(t, err, store.ErrStranger, "was accepted")
		if _, err = s.Replace(t.Context(), "log/a/checkpoint", []byte("note"), ""); !errors.Is(err, store.ErrStranger) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
