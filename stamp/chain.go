package stamp

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxRoots bounds a file of roots, in bytes.
const MaxRoots = 1 << 20

var (
	oidExtKeyUsage  = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidTimeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
)

// ErrChain is wrapped when a stamp does not lead to a root that is trusted.
var ErrChain = errors.New("it leads to no root that is trusted")

// Roots are the certificates that an auditor trusts to name authorities.
type Roots struct{ pool *x509.CertPool }

// ParseRoots reads certificates in PEM. All of them count as roots.
func ParseRoots(text []byte) (*Roots, error) {
	r := &Roots{pool: x509.NewCertPool()}
	if len(text) > MaxRoots {
		return nil, fmt.Errorf("read roots: more than %d bytes: is this the right file?", MaxRoots)
	}
	found := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read roots: certificate %d: %w", found+1, err)
		}
		r.pool.AddCert(c)
		found++
	}
	if found == 0 {
		return nil, errors.New("read roots: no certificate in it: give a PEM file")
	}
	return r, nil
}

// Over reports whether the stamp is over data.
func (s *Stamp) Over(data []byte) error {
	if !bytes.Equal(s.digest, sum(s.hash, data)) {
		return errors.New("it is over other bytes")
	}
	return nil
}

// Answers reports whether the stamp is the reply to r and not an older one.
func (s *Stamp) Answers(r Request) error {
	switch {
	case !bytes.Equal(s.digest, r.digest[:]):
		return errors.New("it is over other bytes")
	case s.nonce == nil || s.nonce.Cmp(r.nonce) != 0:
		return errors.New("it has not the nonce of the request: it is an answer to somebody else, or an old one")
	case r.policy != nil && s.Policy != r.policy.String():
		return fmt.Errorf("it was given under policy %s instead of %s", s.Policy, r.policy)
	}
	return nil
}

// Chain reports whether the certificate that signed led to one of the roots at
// the time of the stamp, and until when it does. Revocation is not looked at:
// that would need the network.
func (s *Stamp) Chain(roots *Roots) (until time.Time, err error) {
	between := x509.NewCertPool()
	for _, c := range s.certs {
		between.AddCert(c)
	}
	chains, err := s.signer.Verify(x509.VerifyOptions{
		Roots: roots.pool, Intermediates: between, CurrentTime: s.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrChain, err)
	}
	for _, chain := range chains {
		end := chain[0].NotAfter
		for _, c := range chain {
			if c.NotAfter.Before(end) {
				end = c.NotAfter
			}
		}
		if end.After(until) {
			until = end
		}
	}
	return until, nil
}

// Authority is who signed, as its certificate says, fit to be shown in a line.
func (s *Stamp) Authority() string {
	name := s.signer.Subject.CommonName
	if name == "" {
		name = s.signer.Subject.String()
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}

// Expires is when the certificate that signed ends.
func (s *Stamp) Expires() time.Time { return s.signer.NotAfter.UTC() }

// forStamps refuses a certificate that may be used for anything else: RFC 3161
// section 2.3 wants the one purpose, and critical.
func forStamps(c *x509.Certificate) error {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidExtKeyUsage) {
			continue
		}
		var uses []asn1.ObjectIdentifier
		rest, err := asn1.Unmarshal(e.Value, &uses)
		if err != nil || len(rest) > 0 || !e.Critical || len(uses) != 1 || !uses[0].Equal(oidTimeStamping) {
			return errSigner
		}
		return nil
	}
	return errSigner
}
