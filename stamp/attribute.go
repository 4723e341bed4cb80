package stamp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
)

// attributes are those that a signer signed.
type attributes []attribute

func (s signerInfo) attributes() (attributes, error) {
	var out attributes
	rest := s.Attrs.Bytes
	for len(rest) > 0 {
		var a attribute
		var err error
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return nil, fmt.Errorf("%w: its signed attributes cannot be read: %w", errForm, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// one reads the attribute of a type, which stands once and has one value.
func (a attributes) one(oid asn1.ObjectIdentifier, into any) error {
	found := -1
	for i := range a {
		if !a[i].Type.Equal(oid) {
			continue
		}
		if found >= 0 || len(a[i].Values) != 1 {
			return fmt.Errorf("attribute %v stands more than once", oid)
		}
		found = i
	}
	if found < 0 {
		return fmt.Errorf("attribute %v is missing", oid)
	}
	rest, err := asn1.Unmarshal(a[found].Values[0].FullBytes, into)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("bytes follow attribute %v", oid)
	}
	return err
}

func (a attributes) has(oid asn1.ObjectIdentifier) bool {
	for i := range a {
		if a[i].Type.Equal(oid) {
			return true
		}
	}
	return false
}

// names reports whether what is signed names the certificate: else another one
// with the same key could be put in its place (RFC 3161 section 2.4.1, RFC 5816).
func (a attributes) names(cert *x509.Certificate) error {
	wrong := fmt.Errorf("%w: it is signed in the name of another certificate", errSignature)
	if a.has(oidSigningCertV2) {
		// ESSCertIDv2 of RFC 5035; SHA-256 is left out as the default.
		var s struct {
			Certs    []asn1.RawValue
			Policies asn1.RawValue `asn1:"optional"`
		}
		var id struct {
			Hash   pkix.AlgorithmIdentifier `asn1:"optional"`
			Digest []byte
			Issuer asn1.RawValue `asn1:"optional"`
		}
		if err := a.one(oidSigningCertV2, &s); err != nil || len(s.Certs) == 0 {
			return wrong
		}
		if _, err := asn1.Unmarshal(s.Certs[0].FullBytes, &id); err != nil {
			return wrong
		}
		hash := crypto.SHA256
		if id.Hash.Algorithm != nil {
			hash = hashOf(id.Hash.Algorithm)
		}
		if hash == 0 || !bytes.Equal(id.Digest, sum(hash, cert.Raw)) {
			return wrong
		}
		return nil
	}
	var s struct {
		Certs    []asn1.RawValue
		Policies asn1.RawValue `asn1:"optional"`
	}
	var id struct {
		Digest []byte
		Issuer asn1.RawValue `asn1:"optional"`
	}
	if err := a.one(oidSigningCert, &s); err != nil || len(s.Certs) == 0 {
		return wrong
	}
	if _, err := asn1.Unmarshal(s.Certs[0].FullBytes, &id); err != nil || !bytes.Equal(id.Digest, sum(crypto.SHA1, cert.Raw)) {
		return wrong
	}
	return nil
}
