package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/ingest"
)

// fullDesk answers every call at once.
func fullDesk() *fakeDesk {
	d := &fakeDesk{changed: make(chan struct{}, 1000)}
	for range cap(d.changed) {
		d.changed <- struct{}{}
	}
	d.ingest = func(_ context.Context, r ingest.Request, _ func(ingest.Event)) (ingest.Summary, error) {
		r.Folder = nil
		return ingest.Summary{}, d.ask(r)
	}
	d.events = func(_ context.Context, _ *int64, each func(ingest.StreamEvent) error) error {
		return errors.Join(each(ingest.StreamEvent{Event: ingest.StreamBeat}), errors.New("enough"))
	}
	return d
}

func TestEveryCallHasALineInTheTable(t *testing.T) {
	var served []string
	for _, r := range newServer(options(nil)).routes() {
		served = append(served, r.op)
	}
	slices.Sort(served)
	if d := cmp.Diff(access.Operations(), served); d != "" {
		t.Errorf("table and routes differ (-table +routes):\n%s", d)
	}
}

func TestRolesMayWhatTheTableSays(t *testing.T) {
	state := startPublic(t, fullDesk())
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	file := openFile(t)
	has := map[string][]access.Role{
		"root": {access.Admin}, "officer": {access.Officer}, "officer by group": {access.Officer}, "auditor": {access.Auditor},
		"admin": {access.Admin}, "officer, auditor": {access.Auditor, access.Officer}, "nobody": {}, "nobody in many": {},
		"officer in many": {access.Officer},
	}
	for name, p := range people(t) {
		for _, r := range newServer(options(nil)).routes() {
			var fds []int
			body := "{}"
			switch {
			case r.op == opIngest:
				fds = []int{int(folder.Fd())}
			case r.op == opDerive:
				fds = []int{int(file.Fd())}
			case r.method == http.MethodGet:
				body = ""
			}
			status, got := ask(t, p, state, r.method, r.path, body, fds...)
			want := http.StatusForbidden
			if slices.Contains(access.Rights(has[name]), r.op) {
				want = http.StatusOK
			}
			if status != want {
				t.Errorf("%s asks for %s: %d %s, want %d", name, r.op, status, got, want)
			}
			if want == http.StatusForbidden {
				err := readFault("403", []byte(got))
				if !strings.Contains(got, `{"error":{"code":"denied"`) || !errors.Is(err, access.ErrDenied) {
					t.Errorf("%s asks for %s: %s", name, r.op, got)
				}
			}
		}
		if len(has[name]) == 0 {
			continue
		}
		_, got := ask(t, p, state, http.MethodGet, pathVersion, "")
		var v Version
		if err := json.Unmarshal([]byte(got), &v); err != nil {
			t.Fatal(err)
		}
		want := Version{API: 1, Version: "1.2.3", UID: uint32(p.uid), Roles: has[name], Rights: access.Rights(has[name])}
		if d := cmp.Diff(want, v); d != "" {
			t.Errorf("%s is told (-want +got):\n%s", name, d)
		}
	}
}

func TestEntriesNameTheTrueActor(t *testing.T) {
	desk := fullDesk()
	state := startPublic(t, desk)
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	all := people(t)
	for _, c := range []struct {
		who, op, actor, by  string
		wantActor, wantSaid string // "" is denied
	}{
		{"officer", opTag, "", "", "officer", "officer"},
		{"officer", opTag, "officer", "officer", "officer", "officer"},
		{"officer", opTag, "admin", "", "", ""},
		{"officer", opTag, "", "admin", "", ""},
		{"officer", opTag, "officer", "admin", "", ""},
		{"officer", opTag, "", "device", "", ""},
		{"officer", opIngest, "", "", "officer", "officer"},
		{"officer", opIngest, "admin", "admin", "", ""},
		{"officer", opIngest, "dock", "", "", ""},
		{"officer", opIngest, "", "roster", "", ""},
		{"officer, auditor", opTag, "", "", "officer", "officer"},
		{"officer, auditor", opTag, "auditor", "", "", ""},
		{"officer, auditor", opExport, "", "", "auditor", ""},
		{"auditor", opExport, "admin", "", "", ""},
		{"admin", opTag, "", "", "admin", "admin"},
		{"root", opIngest, "", "", "admin", "admin"},
		{"root", opTag, "officer", "", "", ""}, // root is no officer unless it is named one
	} {
		body := map[string]any{"actor": c.actor}
		if c.op != opExport {
			body["by"] = c.by
		}
		tags := map[string]any{"place": map[string]any{"text": "x"}, "times": []any{map[string]any{"raw": "1", "source": "device"}}, "sources": map[string]any{"place": "device"}}
		var fds []int
		switch c.op {
		case opTag:
			body["change"] = tags
		case opIngest:
			body["tags"], fds = tags, []int{int(folder.Fd())}
		}
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		desk.takeAsked()
		status, got := ask(t, all[c.who], state, http.MethodPost, apiRoot+c.op, string(b), fds...)
		var actor, said string
		switch q := desk.takeAsked().(type) {
		case ingest.TagRequest:
			actor, said = q.Actor, q.By
			if q.Change.Sources != nil || q.Change.Times[0].Source != "" {
				t.Errorf("%s: %s may say what a device said: %+v", c.who, c.op, q.Change)
			}
		case ingest.Request:
			actor, said = q.Actor, q.By
			if q.Tags.Sources != nil || q.Tags.Times[0].Source != "" {
				t.Errorf("%s: %s may say what a device said: %+v", c.who, c.op, q.Tags)
			}
		case ingest.ExportRequest:
			actor = q.Actor
		}
		if actor != c.wantActor || said != c.wantSaid || (c.wantActor == "") != (status == http.StatusForbidden) {
			t.Errorf("%s %s as %q by %q: %d %s; actor %q by %q, want %q by %q", c.who, c.op, c.actor, c.by, status, got, actor, said, c.wantActor, c.wantSaid)
		}
	}
}

func TestWrongCallsAreTold(t *testing.T) {
	state := startPublic(t, fullDesk())
	all := people(t)
	for _, c := range []struct {
		who, method, path, body string
		status                  int
		code                    string
	}{
		{"officer", "POST", "/v2/status", "{}", 404, codeVersion},
		{"officer", "GET", "/", "", 404, codeVersion},
		{"officer", "POST", "/v1/destroy", "{}", 404, codeCall},
		{"officer", "POST", "/v1/status/", "{}", 404, codeCall},
		{"officer", "POST", "/v1/../v1/status", "{}", 404, codeCall},
		{"officer", "GET", pathStatus, "", 405, codeMethod},
		{"officer", "POST", pathVersion, "{}", 405, codeMethod},
		{"officer", "GET", pathEvents + "?before=3", "", 400, codeRequest},
		{"officer", "GET", pathEvents + "?after=x", "", 400, codeRequest},
		{"officer", "GET", pathEvents + "?after=1&after=2", "", 400, codeRequest},
		{"officer", "POST", pathStatus, `{"all":true}`, 400, codeRequest},
		{"nobody", "POST", "/v1/destroy", "{}", 403, codeDenied}, // is told of no call at all
		{"nobody", "GET", "/", "", 403, codeDenied},
	} {
		status, got := ask(t, all[c.who], state, c.method, c.path, c.body)
		var f struct{ Error *fault }
		if err := json.Unmarshal([]byte(got), &f); err != nil || status != c.status || f.Error == nil || f.Error.Code != c.code || strings.Contains(f.Error.Message, "\n") {
			t.Errorf("%s %s %s: %d %s; want %d %s", c.who, c.method, c.path, status, got, c.status, c.code)
		}
	}
}

func TestTheStateIsEnteredByNobodyElse(t *testing.T) {
	state, _ := start(t, fullDesk())
	public := startPublic(t, fullDesk())
	p := people(t)["officer"]
	if _, err := as(t, p, Places{State: state}); !errors.Is(err, access.ErrDenied) {
		t.Errorf("the socket of a state with mode 0700: %v, want ErrDenied", err)
	}
	c, err := as(t, p, Places{State: state, Public: public})
	if err != nil {
		t.Fatalf("the public socket: %v", err)
	}
	_ = c.Close()
	// Another state without a daemon is not the one of the public socket.
	if _, err := as(t, p, Places{State: filepath.Join(public, "other"), Public: public}); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("a state that is not there: %v, want ErrNoDaemon", err)
	}
	if c, err = as(t, p, Places{State: filepath.Join(public, "other"), Public: public, Same: true}); err != nil {
		t.Errorf("a state that has this public socket: %v", err)
	} else {
		_ = c.Close()
	}
	if _, err := as(t, p, Places{State: state, Public: filepath.Join(public, "none")}); !errors.Is(err, access.ErrDenied) || !strings.Contains(err.Error(), "start the daemon") {
		t.Errorf("no public socket: %v", err)
	}
}

func TestOneUserCannotUseUpTheDaemon(t *testing.T) {
	state := startPublic(t, fullDesk())
	all := people(t)
	var held []net.Conn
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	for range maxConns {
		c, err := as(t, all["nobody"], Places{State: state})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	one, err := as(t, all["nobody"], Places{State: state})
	if err != nil {
		t.Fatal(err)
	}
	// Sooner than the daemon gives up on somebody who asks for nothing.
	if err := one.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("one too many: %v, want it closed", err)
	}
	_ = one.Close()
	if status, _ := ask(t, all["admin"], state, "GET", pathVersion, ""); status != http.StatusOK {
		t.Errorf("another user: %d", status)
	}
	_ = held[0].Close()
	waitFor(t, func() bool {
		c, err := as(t, all["nobody"], Places{State: state})
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		_, err = io.WriteString(c, "GET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		b, _ := io.ReadAll(c)
		return err == nil && strings.Contains(string(b), "403")
	}, func() string { return "a connection that ended still counts" })
}
