package manifest

import (
	"crypto/sha256"
	_ "embed" // the word list
	"encoding/base64"
	"fmt"
	"strings"
)

// pgpWords is the PGP word list of Patrick Juola and Philip Zimmermann: 256
// words of two syllables for bytes at even places, then 256 of three for those
// at odd places, so that a word left out or swapped is heard.
//
//go:embed pgpwords.txt
var pgpWords string

// fingerprintBytes of the digest are read out; 128 bits cannot be met by search.
const fingerprintBytes = 16

// Fingerprint is the first 16 bytes of SHA-256 over the raw public key of a
// verifier key, as 16 words that two people can compare over a telephone.
func Fingerprint(vkey string) (words []string, digest [fingerprintBytes]byte, err error) {
	raw, err := rawKey(vkey)
	if err != nil {
		return nil, digest, err
	}
	sum := sha256.Sum256(raw)
	copy(digest[:], sum[:])
	return pgpWordsOf(digest[:]), digest, nil
}

func pgpWordsOf(digest []byte) (words []string) {
	list := strings.Fields(pgpWords)
	for i, b := range digest {
		words = append(words, list[i%2*256+int(b)])
	}
	return words
}

// Types of keys in c2sp.org/signed-note: those of logs and authorities, and of
// witnesses (c2sp.org/tlog-cosignature).
const (
	typeEd25519     = 0x01
	typeCosignature = 0x04
)

// rawKey is the public key in a verifier key, of a log, an authority or a
// witness, in its one encoding.
func rawKey(vkey string) ([]byte, error) {
	bad := fmt.Errorf("verifier key %q: %w", vkey, ErrMalformed)
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 || !ValidAuthority(parts[0]) {
		return nil, bad
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || base64.StdEncoding.EncodeToString(key) != parts[2] || len(key) != 33 ||
		key[0] != typeEd25519 && key[0] != typeCosignature {
		return nil, bad
	}
	sum := sha256.Sum256([]byte(parts[0] + "\n" + string(key)))
	if fmt.Sprintf("%08x", sum[:4]) != parts[1] {
		return nil, bad
	}
	return key[1:], nil
}
