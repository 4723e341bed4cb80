package ingest

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/custodock/custodock/manifest"
)

// newKey makes a log's signing key in signed-note form. A log without a name is
// named after the key.
func newKey(authority, log string) (skey string, err error) {
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	if log == "" {
		log = manifest.LogName(pub)
	}
	if !manifest.ValidLogName(log) || !manifest.ValidAuthority(authority) {
		return "", fmt.Errorf("log %q of authority %q: a log has 3 to 16 of a-z and 0-9, a letter first; an authority no spaces and no +", log, authority)
	}
	skey, _, err = manifest.EncodeKey(manifest.Origin(authority, log), private)
	return skey, err
}
