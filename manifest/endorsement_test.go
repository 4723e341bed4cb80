package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
)

const testIssuer = "county.example"

func testVKey(t testing.TB, name string, seed, kind byte) string {
	t.Helper()
	_, v := testKey(t, name, seed)
	_, vkey, err := EncodeKey(name, testPrivate(seed))
	if err != nil || kind == typeEd25519 {
		return vkey
	}
	raw, err := rawKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	key := append([]byte{kind}, raw...)
	sum := sha256.Sum256([]byte(v.Name() + "\n" + string(key)))
	return fmt.Sprintf("%s+%08x+%s", v.Name(), sum[:4], base64.StdEncoding.EncodeToString(key))
}

func testEndorsement(t testing.TB) Endorsement {
	return Endorsement{
		Authority: testIssuer, Role: RoleDock, Key: testVKey(t, testOrigin, 2, typeEd25519), Serial: 7,
		From:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Until:  time.Date(2027, 12, 31, 23, 59, 59, 999e6, time.UTC),
		Issued: time.Date(2025, 12, 24, 9, 0, 0, 125e6, time.UTC),
	}
}

func testRevocations(t testing.TB) Revocations {
	return Revocations{Authority: testIssuer, Issued: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), List: []Revocation{
		{Key: testVKey(t, testOrigin, 2, typeEd25519), Time: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Reason: "dock was stolen 被盗"},
		{Key: CertificateKey([32]byte{9}), Time: time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC), Reason: "replaced"},
	}}
}

func TestEndorsement(t *testing.T) {
	s, v := testKey(t, testIssuer, 1)
	for _, c := range []struct{ role, key string }{
		{RoleDock, testVKey(t, testOrigin, 2, typeEd25519)}, {RoleWitness, testVKey(t, "witness.example/w", 3, typeCosignature)},
		{RoleWitness, testVKey(t, "witness.example", 3, typeEd25519)}, {RoleTSA, CertificateKey([32]byte{1})},
	} {
		want := testEndorsement(t)
		want.Role, want.Key = c.role, c.key
		msg, err := want.Sign(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenEndorsement(msg, v)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
		if got, err = ClaimedEndorsement(msg); err != nil || !cmp.Equal(want, got) {
			t.Fatalf("claimed: %+v, %v", got, err)
		}
		for bad := range flips(msg) {
			if _, err := OpenEndorsement(bad, v); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUntrusted) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
	_, other := testKey(t, testIssuer, 9)
	msg, err := testEndorsement(t).Sign(s)
	if _, err2 := OpenEndorsement(msg, other); err != nil || !errors.Is(err2, ErrUntrusted) {
		t.Errorf("by another key: %v, %v", err, err2)
	}
	elsewhere, _ := testKey(t, "town.example", 1)
	if _, err := testEndorsement(t).Sign(elsewhere); err == nil {
		t.Error("a key of one authority signed in the name of another")
	}
}

func TestRevocations(t *testing.T) {
	s, v := testKey(t, testIssuer, 1)
	for _, n := range []int{0, 1, 2} {
		want := testRevocations(t)
		want.List = want.List[:n:n]
		if n == 0 {
			want.List = nil
		}
		msg, err := want.Sign(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenRevocations(msg, v)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
		for bad := range flips(msg) {
			if _, err := OpenRevocations(bad, v); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUntrusted) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
	r := testRevocations(t)
	if x, ok := r.Of(r.List[0].Key); !ok || x.Reason != r.List[0].Reason {
		t.Errorf("a revoked key is not found: %+v", x)
	}
	if _, ok := r.Of(testVKey(t, testOrigin, 5, typeEd25519)); ok {
		t.Error("a key that nobody revoked is")
	}
}

// TestAuthorityTextsRefuse: a text that a good key signed is read only if it is
// one that we would write.
func TestAuthorityTextsRefuse(t *testing.T) {
	s, v := testKey(t, testIssuer, 1)
	endorsement, revocations := testEndorsement(t).Text(), testRevocations(t).Text()
	for _, c := range []struct{ text, old, new string }{
		{endorsement, "v1", "v2"}, {endorsement, "role dock", "role king"}, {endorsement, "role dock", "role tsa"}, {endorsement, "serial 7", "serial 0"},
		{endorsement, "serial 7", "serial 07"}, {endorsement, "serial 7\n", "serial 7\nmore 1\n"}, {endorsement, "until 2027", "until 2025"},
		{endorsement, ".000Z", "Z"}, {endorsement, "authority county.example", "authority county.example/police"},
		{endorsement, "authority county.example\n", ""}, {endorsement, "+AX", "+AH"}, {endorsement, "key " + testOrigin, "key x"},
		{endorsement, "role dock\n", "role dock\nrole dock\n"}, {endorsement, "authority county", "authority  county"},
		{revocations, "v1", "v2"}, {revocations, "serial 2", "serial 3"}, {revocations, "replaced", ""}, {revocations, "replaced", " replaced"},
		{revocations, "replaced", "re\u202eplaced"}, {revocations, "sha256:0900", "sha256:09"}, {revocations, "revoked 2026-04-02", "revoked 2026-04-32"},
		{revocations, "replaced", strings.Repeat("x", maxReason+1)}, {revocations, "serial 2\n", "serial 2\n\n"},
		{revocations, testRevocations(t).List[1].Key, testRevocations(t).List[0].Key},
	} {
		text := strings.Replace(c.text, c.old, c.new, 1)
		if text == c.text {
			t.Fatalf("%q is not in %q", c.old, c.text)
		}
		msg, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			t.Fatal(err)
		}
		_, err1 := OpenEndorsement(msg, v)
		_, err2 := OpenRevocations(msg, v)
		if !errors.Is(err1, ErrMalformed) || !errors.Is(err2, ErrMalformed) {
			t.Errorf("%q for %q: %v, %v", c.new, c.old, err1, err2)
		}
	}
}

// TestAuthorityNames: a key speaks in its own name only.
func TestAuthorityNames(t *testing.T) {
	s, v := testKey(t, testIssuer, 1)
	for _, text := range []string{testEndorsement(t).Text(), testRevocations(t).Text()} {
		msg, err := note.Sign(&note.Note{Text: strings.Replace(text, "authority county.example", "authority town.example", 1)}, s)
		if err != nil {
			t.Fatal(err)
		}
		_, err1 := OpenEndorsement(msg, v)
		_, err2 := OpenRevocations(msg, v)
		if !errors.Is(err1, ErrUntrusted) && !errors.Is(err2, ErrUntrusted) {
			t.Errorf("%q: %v, %v", text, err1, err2)
		}
	}
}

func TestFingerprint(t *testing.T) {
	list := strings.Fields(pgpWords)
	// The list has applicant before Apollo, and all else in the order of the alphabet.
	lower := func(words []string) []string {
		return strings.Fields(strings.Replace(strings.ToLower(strings.Join(words, " ")), "applicant apollo", "apollo applicant", 1))
	}
	if len(list) != 512 || !slices.IsSorted(lower(list[:256])) || !slices.IsSorted(lower(list[256:])) {
		t.Fatalf("%d words, or out of order", len(list))
	}
	all := lower(list)
	slices.Sort(all)
	if len(slices.Compact(all)) != 512 {
		t.Error("a word stands twice")
	}
	// The example that descriptions of the list give.
	digest := []byte{0xe5, 0x82, 0x94, 0xf2, 0xe9, 0xa2, 0x27, 0x48, 0x6e, 0x8b, 0x06, 0x1b, 0x31, 0xcc, 0x52, 0x8f, 0xd7, 0xfa, 0x3f, 0x19}
	if got := strings.Join(pgpWordsOf(digest), " "); got != "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa "+
		"afflict bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless" {
		t.Error(got)
	}
	vkey := testVKey(t, testOrigin, 2, typeEd25519)
	words, sum, err := Fingerprint(vkey)
	raw, _ := rawKey(vkey)
	want := sha256.Sum256(raw)
	if err != nil || len(words) != 16 || !bytes.Equal(sum[:], want[:16]) {
		t.Errorf("%v %x, %v", words, sum, err)
	}
	for bad := range flips([]byte(vkey)) {
		if _, _, err := Fingerprint(string(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParseEndorsement(f *testing.F) {
	f.Add(testEndorsement(f).Text())
	f.Add(EndorsementStart + "authority a\nrole tsa\nkey sha256:00\n")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseEndorsement(text)
		if err == nil && e.Text() != text {
			t.Fatalf("%q becomes %q", text, e.Text())
		}
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("%q: %v", text, err)
		}
		if c, err := ClaimedEndorsement([]byte(text)); err == nil && !strings.HasPrefix(text, c.Text()+"\n") {
			t.Fatalf("%q is taken for %q", text, c.Text())
		}
	})
}

func FuzzParseRevocations(f *testing.F) {
	f.Add(testRevocations(f).Text())
	f.Add(RevocationsStart + "authority a\nissued 2026-05-01T00:00:00.000Z\nserial 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRevocations(text)
		if err == nil && r.Text() != text {
			t.Fatalf("%q becomes %q", text, r.Text())
		}
	})
}
