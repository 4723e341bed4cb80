package stamp

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

func TestMain(m *testing.M) { testbench.Main(m) }

var data = []byte("the bytes of a checkpoint\n")

// query makes a request for data and its DER.
func query(t *testing.T, policy string) (Request, []byte) {
	t.Helper()
	r, err := NewRequest(data, policy)
	if err != nil {
		t.Fatal(err)
	}
	der, err := r.DER()
	if err != nil {
		t.Fatal(err)
	}
	return r, der
}

func rootsOf(t *testing.T, file string) *Roots {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := ParseRoots(text)
	if err != nil {
		t.Fatal(err)
	}
	return roots
}

// TestStamp: a reply of openssl's authority is accepted, and says what it says.
func TestStamp(t *testing.T) {
	a := testbench.NewTSA(t, 400)
	r, der := query(t, "1.2.3.4.5")
	began := time.Now().Add(-time.Second)
	s, err := Parse(a.Reply(der, ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Over(data), s.Answers(r)); err != nil {
		t.Error(err)
	}
	until, err := s.Chain(rootsOf(t, a.Roots))
	if err != nil || until.Before(began.AddDate(0, 0, 399)) || !until.Equal(s.Expires()) {
		t.Errorf("chain until %s, certificate until %s, %v", until, s.Expires(), err)
	}
	if s.Policy != "1.2.3.4.5" || s.Authority() != "Testbench time tsa" || s.Accuracy != 1500*time.Millisecond ||
		s.Time.Before(began) || s.Time.After(time.Now()) {
		t.Errorf("%+v", s)
	}
	for _, at := range []time.Time{began.AddDate(0, 0, -1), until.Add(time.Second)} {
		early := *s
		early.Time = at
		if _, err := early.Chain(rootsOf(t, a.Roots)); !errors.Is(err, ErrChain) {
			t.Errorf("at %s the certificate is not good: %v", at, err)
		}
	}
	other, _ := query(t, "")
	if s.Over(data[1:]) == nil || s.Answers(other) == nil {
		t.Error("a stamp is over other bytes, or answers another request")
	}
	if _, err := s.Chain(rootsOf(t, testbench.NewTSA(t, 400).Roots)); !errors.Is(err, ErrChain) {
		t.Errorf("by another root: %v", err)
	}
}

// TestRefused: what an authority may send in place of a stamp, and what is said.
func TestRefused(t *testing.T) {
	a := testbench.NewTSA(t, 400)
	r, der := query(t, "")
	roots := rootsOf(t, a.Roots)
	for fault, want := range map[string]string{
		testbench.TSANonce:   "has not the nonce",
		testbench.TSADigest:  "over other bytes",
		testbench.TSAExpired: "leads to no root that is trusted: x509: certificate has expired",
		testbench.TSARefuses: "the authority refuses: status 2 (unacceptedPolicy)",
	} {
		s, err := Parse(a.Reply(der, fault))
		if err == nil {
			err = s.Answers(r)
		}
		if err == nil {
			_, err = s.Chain(roots)
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", fault, err)
		}
	}
}

// TestFlips: no bit of a reply changes unseen but for what the specifications leave
// to whoever passes it on: that it was granted with other words, and certificates
// that nothing needs.
func TestFlips(t *testing.T) {
	a := testbench.NewTSA(t, 400)
	_, der := query(t, "")
	reply := a.Reply(der, "")
	want, err := Parse(reply)
	if err != nil {
		t.Fatal(err)
	}
	roots := rootsOf(t, a.Roots)
	passes := map[int]string{}
	status := bytes.Index(reply, []byte{2, 1, 0}) + 2
	passes[status] = "RFC 3161, 2.4.2: granted, or granted with modifications"
	for _, c := range want.certs[1:] {
		at := bytes.Index(reply, c.Raw)
		for i := range c.Raw {
			passes[at+i] = "RFC 5652, 5.1: there may be more certificates than are needed"
		}
	}
	passed := map[string]int{}
	for i := range len(reply) * 8 {
		flipped := append([]byte(nil), reply...)
		flipped[i/8] ^= 1 << (i % 8)
		s, err := Parse(flipped)
		if err == nil {
			err = s.Over(data)
		}
		if err == nil {
			_, err = s.Chain(roots)
		}
		if err != nil {
			continue
		}
		passed[passes[i/8]]++
		if passes[i/8] == "" || !s.Time.Equal(want.Time) || s.Serial != want.Serial || !s.signer.Equal(want.signer) {
			t.Errorf("bit %d of byte %d: %+v", i%8, i/8, s)
		}
	}
	if len(passed) != 2 {
		t.Errorf("what passes is not what is said to: %v", passed)
	}
}

// TestOpenSSL: a request is one that openssl reads, and its own verifier accepts
// the reply over our bytes and refuses it over others, or with a bit flipped.
func TestOpenSSL(t *testing.T) {
	a := testbench.NewTSA(t, 400)
	_, der := query(t, "")
	dir := t.TempDir()
	file, reply := filepath.Join(dir, "data"), filepath.Join(dir, "reply.tsr")
	put := func(path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := func() error {
		return exec.Command("openssl", "ts", "-verify", "-in", reply, "-data", file, "-CAfile", a.Roots).Run()
	}
	answer := a.Reply(der, "")
	put(file, data)
	put(reply, answer)
	if err := verify(); err != nil {
		t.Fatalf("openssl does not accept it: %v", err)
	}
	put(file, data[1:])
	if verify() == nil {
		t.Error("openssl accepts it over other bytes")
	}
	put(file, data)
	answer[len(answer)-3] ^= 1
	put(reply, answer)
	if verify() == nil {
		t.Error("openssl accepts it with a bit flipped")
	}
	if _, err := Parse(answer); !errors.Is(err, errSignature) {
		t.Errorf("we say %v", err)
	}
}

// TestPolicies: object identifiers are read in one form only.
func TestPolicies(t *testing.T) {
	for s, good := range map[string]bool{
		"1.2.3": true, "2.999.1": true, "": false, "1": false, "1.2.": false, "1.02": false, "3.1": false, "1.40": false, "1.2.x": false, "1.-2": false,
	} {
		if _, err := ParsePolicy(s); (err == nil) != good {
			t.Errorf("%q: %v", s, err)
		}
	}
}
