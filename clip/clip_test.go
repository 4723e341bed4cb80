package clip

import (
	"encoding/hex"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseDigest(t *testing.T) {
	good := strings.Repeat("0123456789abcdef", 4)
	d, err := ParseDigest(good)
	if err != nil || d.String() != good {
		t.Fatal(d, err)
	}
	for i := range len(good) {
		for c := range 256 {
			s := good[:i] + string([]byte{byte(c)}) + good[i+1:]
			b, err := hex.DecodeString(s)
			want := err == nil && hex.EncodeToString(b) == s
			got, err := ParseDigest(s)
			if (err == nil) != want || want && got.String() != s || !want && !got.IsZero() {
				t.Fatalf("%q: %v, %v", s, got, err)
			}
		}
	}
	for _, s := range []string{"", "ab", good[1:], good[2:], good + "0", good + "00", strings.ToUpper(good)} {
		if d, err := ParseDigest(s); err == nil || !d.IsZero() {
			t.Errorf("accepted %q", s)
		}
	}
}
