package server

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/witness"
	"github.com/custodock/custodock/witness/witnesstest"
)

// TestEvidenceIsNotCrowdedOut: what everybody can send takes no room of a fork, nor
// for good of a checkpoint that may be one.
func TestEvidenceIsNotCrowdedOut(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	w := open(t, t.TempDir(), l)
	l.Grow(2, "entry")
	cosigns(t, w, l, 0)
	start := l.Fork()
	l.Grow(1, "entry")
	clone := start.Fork()
	clone.Grow(1, "night")
	cosigns(t, w, l, 2)
	refuses(t, w, request(t, clone, 3), http.StatusConflict, "3") // the fork

	wrong := witness.Request{Old: 3, Proof: tlog.TreeProof{{1}}}
	for range maxEvidence + 20 { // the log's own, with a wrong proof
		l.Grow(1, "entry")
		wrong.Checkpoint = l.Checkpoint()
		refuses(t, w, wrong.Encode(), http.StatusUnprocessableEntity, "")
	}
	clone.Grow(400, "night")
	refuses(t, w, request(t, clone, 3), http.StatusUnprocessableEntity, "")
	s, err := w.Status()
	if err != nil || s.Logs[0].Unproved != maxEvidence || s.Logs[0].Forked != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if !keeps(t, w, clone) {
		t.Error("the checkpoint of the clone was crowded out")
	}
	if !keeps(t, w, l) {
		t.Error("the newest was not kept")
	}
	cosigns(t, w, l, 3)
	if keeps(t, w, l) {
		t.Error("what is cosigned is kept as if it might be a fork")
	}
	if !keeps(t, w, clone) {
		t.Error("the checkpoint of the clone went with the one that was cosigned")
	}
}

// keeps reports whether a witness has the head of a log as unproved.
func keeps(t *testing.T, w *Witness, l *witnesstest.Log) (found bool) {
	t.Helper()
	tx, err := w.db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	eachEvidence(tx, evidencePrefix(origin, Unproved), func(key []byte) {
		found = found || string(tx.Bucket(evidenceBucket).Get(key)) == string(l.Checkpoint())
	})
	return found
}

// TestSlowClients: whoever sends slowly has so many places and no more, and takes none
// of the others.
func TestSlowClients(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	w := open(t, t.TempDir(), l)
	url, end := serve(t, w)
	at := strings.TrimPrefix(url, "http://")
	const head = "POST " + witness.AddPath + " HTTP/1.1\r\nHost: w\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
	for range maxClient {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		// The witness asks for the body once it has given the request a place.
		if _, err := fmt.Fprint(conn, head); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	l.Grow(1, "entry")
	for from, want := range map[string]int{"127.0.0.1": http.StatusServiceUnavailable, "127.0.0.2": http.StatusOK} {
		dial := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dial.DialContext(ctx, network, addr)
		}}}
		resp, err := client.Post(url+witness.AddPath, "text/plain", strings.NewReader(string(request(t, l, 0))))
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want || resp.Body.Close() != nil {
			t.Errorf("from %s: %s, want %d", from, resp.Status, want)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestClients: one machine is one client, whatever of its addresses it takes.
func TestClients(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[2001:db8::1]:1": "2001:db8::/64", "[2001:db8::2:0:0:1]:1": "2001:db8::/64",
		"[fe80::1%eth0]:1": "fe80::/64", "@": "",
	} {
		if got := clientOf(&http.Request{RemoteAddr: addr}); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	var all turns
	for i := range maxTurns {
		if !all.take(fmt.Sprint(i)) {
			t.Fatal(i)
		}
	}
	if all.take("one more") {
		t.Error("more than there are")
	}
	all.give("3")
	if !all.take("one more") || all.by["3"] != 0 {
		t.Error("a place that was given back is none")
	}
}
